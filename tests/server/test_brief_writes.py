"""Brief writes on SQLite: their statements run on the event loop, what may wait runs beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAD = """
from gevent import monkey; monkey.patch_all()
import json, sqlite3, sys
import gevent
from sqlalchemy import event, text
from itembank.vault import Vault
from server.db.base import Database, brief, emit
from server.errors import Refused
from server.events import Events, RoomChanged

ident = monkey.get_original("threading", "get_ident")
NativeEvent = monkey.get_original("threading", "Event")
file, told = sys.argv[1], []
events = Events()
events.subscribe(RoomChanged, lambda fact: told.append(fact.room_sitting))
db = Database(f"sqlite:///{file}", vault=Vault(bytes(32)), events=events)

def make(session):
    session.execute(text("CREATE TABLE acts (id INTEGER PRIMARY KEY, word TEXT)"))
    session.execute(text("CREATE TABLE parts (whole INTEGER REFERENCES acts DEFERRABLE INITIALLY DEFERRED)"))
    return ident()

@brief
def note(session, word, refused=False):
    session.execute(text("INSERT INTO acts (word) VALUES (:word)"), {"word": word})
    emit(session, RoomChanged(len(word)))
    if refused:
        raise Refused("not_now")
    return ident()

def kept():
    with db.read() as session:
        return list(session.scalars(text("SELECT word FROM acts ORDER BY rowid")))

class Slow:
    "Stands still at the next commit until it may go on."

    def __init__(self):
        self.reached, self.go = NativeEvent(), NativeEvent()
        event.listen(db.engine, "commit", self.wait)

    def wait(self, _connection):
        self.reached.set()
        self.go.wait(60)

    def until_reached(self):
        while not self.reached.is_set():
            gevent.sleep(0.001)

def turns(count=20):
    for _ in range(count):
        gevent.sleep(0.001)

made = db.write(make)
"""
WHERE = """
steps = {}
for step in ("begin", "commit"):
    event.listen(db.engine, step, lambda _connection, step=step: steps.update({step: ident() == ident_here}))
ident_here = ident()
print(json.dumps({"act": db.write(note, "a") == ident_here, "others": made == ident_here,
                  "steps": dict(steps), "kept": kept(), "told": told}))
"""
WAITING = """
other = sqlite3.connect(file, isolation_level=None)
other.execute("BEGIN IMMEDIATE")
writing = gevent.spawn(db.write, note, "a")
ticks = 0
while not writing.ready() and ticks < 5:
    gevent.sleep(0.01)
    ticks += 1
waited = not writing.ready()
other.execute("ROLLBACK")
writing.get()
print(json.dumps({"ticks": ticks, "waited": waited, "kept": kept()}))
"""
STOPPED = """
slow = Slow()
writing = gevent.spawn(db.write, note, "a")
slow.until_reached()
following = gevent.spawn(db.write, note, "bb")
writing.kill(block=False)
turns()
before = [writing.dead, following.dead]
slow.go.set()
gevent.joinall([writing, following])
print(json.dumps({"before": before, "stopped": isinstance(writing.value, gevent.GreenletExit), "kept": kept(),
                  "told": told}))
"""
WHILE_BEGINNING = """
other = sqlite3.connect(file, isolation_level=None)
other.execute("BEGIN IMMEDIATE")
writing = gevent.spawn(db.write, note, "a")
turns()
writing.kill(block=False)
turns()
before = writing.dead
other.execute("ROLLBACK")
writing.join()
db.write(note, "bb")
print(json.dumps({"before": before, "stopped": isinstance(writing.value, gevent.GreenletExit), "kept": kept(),
                  "told": told}))
"""
TWO_STOPS = """
slow = Slow()

def patient():
    try:
        db.write(note, "a")
    except gevent.Timeout:
        return "lives on"

writing = gevent.spawn(patient)
slow.until_reached()
gevent.kill(writing, gevent.Timeout())
turns()
writing.kill(block=False)
turns()
slow.go.set()
writing.join()
print(json.dumps({"ended": isinstance(writing.value, gevent.GreenletExit), "kept": kept()}))
"""
BREAKING = """
@brief
def break_off(session):
    emit(session, RoomChanged(7))
    session.execute(text("INSERT INTO parts VALUES (7)"))  # the commit finds that there is no such act

def break_off_aside(session):
    break_off(session)

"""
FAILING = """
found = []
for act in (lambda: db.write(note, "a", refused=True), lambda: db.write(break_off), lambda: db.write(note, "bb"),
            lambda: db.write(break_off_aside), lambda: db.write(note, "ccc")):
    try:
        act()
        found.append("")
    except Exception as fault:
        found.append(type(fault).__name__)
        causes = fault.__cause__ is not None or isinstance(fault, Refused)
        found[-1] += "" if causes else " without a cause"
print(json.dumps({"found": found, "kept": kept(), "told": told}))
"""
STOPPED_IN_VAIN = """
slow = Slow()
writing = gevent.spawn(db.write, break_off)
slow.until_reached()
writing.kill(block=False)
turns()
slow.go.set()
writing.join()
db.write(note, "bb")
print(json.dumps({"stopped": isinstance(writing.value, gevent.GreenletExit), "kept": kept(), "told": told}))
"""
FENCED = """
slow = Slow()
writing = gevent.spawn(db.write, note, "a")
slow.until_reached()
writing.kill(block=False)
turns()

def fenced():
    raise Refused("server_fenced")

db.guard = fenced
slow.go.set()
writing.join()
print(json.dumps({"stopped": isinstance(writing.value, gevent.GreenletExit), "told": told}))
"""


def run(tmp_path: Path, script: str) -> dict[str, object]:
    order = [sys.executable, "-c", HEAD + script, str(tmp_path / "main.db")]
    done = subprocess.run(order, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.dear
def test_a_brief_act_runs_on_the_loop_and_its_begin_and_commit_beside_it(tmp_path: Path) -> None:
    assert run(tmp_path, WHERE) == {
        "act": True,
        "others": False,
        "steps": {"begin": False, "commit": False},
        "kept": ["a"],
        "told": [1],
    }


@pytest.mark.dear
def test_the_loop_goes_on_while_a_brief_act_waits_for_another_process(tmp_path: Path) -> None:
    assert run(tmp_path, WAITING) == {"ticks": 5, "waited": True, "kept": ["a"]}


@pytest.mark.dear
def test_who_is_stopped_at_the_commit_waits_for_its_end_and_what_was_committed_is_told(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, STOPPED) == {
        "before": [False, False],
        "stopped": True,
        "kept": ["a", "bb"],
        "told": [1, 2],
    }


@pytest.mark.dear
def test_who_is_stopped_before_the_act_leaves_nothing_behind(tmp_path: Path) -> None:
    found = run(tmp_path, WHILE_BEGINNING)
    assert found == {"before": False, "stopped": True, "kept": ["bb"], "told": [2]}


@pytest.mark.dear
def test_an_end_is_not_lost_behind_a_time_out(tmp_path: Path) -> None:
    assert run(tmp_path, TWO_STOPS) == {"ended": True, "kept": ["a"]}


@pytest.mark.dear
def test_after_a_refusal_and_a_failed_commit_the_next_write_goes_through(tmp_path: Path) -> None:
    found = run(tmp_path, BREAKING + FAILING)
    kinds = ["Refused", "IntegrityError", "", "IntegrityError", ""]
    assert found == {"found": kinds, "kept": ["bb", "ccc"], "told": [2, 3]}


@pytest.mark.dear
def test_who_is_stopped_at_a_commit_that_fails_leaves_and_nothing_is_told_or_held(tmp_path: Path) -> None:
    assert run(tmp_path, BREAKING + STOPPED_IN_VAIN) == {"stopped": True, "kept": ["bb"], "told": [2]}


@pytest.mark.dear
def test_who_is_stopped_at_a_server_that_may_confirm_nothing_leaves_all_the_same(tmp_path: Path) -> None:
    assert run(tmp_path, FENCED) == {"stopped": True, "told": []}
