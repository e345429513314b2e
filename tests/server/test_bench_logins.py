"""The bench of the logins: what its floor refuses, the log that is one chain, and the whole of it in small."""

import base64
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exam_rooms.protocol import Route, session_message
from server.cli.bench.figures import ratio
from server.cli.bench.floor_login_store import (
    ASSIGNED,
    CONFIRMED,
    IDENTIFIED,
    READY,
    STANDING,
    Act,
    Kept,
    first_of_each,
    kept,
    opened,
    prepare,
)
from server.cli.bench.floor_token import is_fresh, nonce_of, token_of
from server.cli.bench.logins import STEPS, Found, Run
from server.cli.bench.pounding import Door
from server.cli.rehearse.fleet import Fleet, await_
from server.cli.rehearse.hall import LOOPBACK, free_port
from server.cli.rehearse.staff import Address

SECRET = "0123456789abcdef0123456789abcdef"
ALL_STEPS = ["session", *STEPS]
PACKAGE_BYTES = 46_000
SHOWN = {"version": 7, "candidate": {"name": "张三"}, "paper": {"package": "p", "form": "A", "key": None}}


# --- the tables ---------------------------------------------------------------------------------------


@pytest.fixture
def tables(store: str, tmp_path: Path) -> str:
    """The floor's tables with ten seats, on either store."""
    where = store or str(tmp_path / "floor.db")
    seats = [{"attempt": n, "workstation": n, "ticket": f"T{n}", "id_number": f"N{n}"} for n in range(1, 11)]
    prepare(where, SECRET.encode(), seats)
    return where


def signing_in(attempt: int) -> Act:
    return Act(attempt, ASSIGNED, IDENTIFIED, said=f"{attempt} signed in")


def changed(where: str, statement: str) -> None:
    """Somebody writes into the floor's tables by hand."""
    with sqlite3.connect(where) as line:
        line.execute(statement)
    line.close()


@pytest.mark.both_stores
def test_an_act_is_kept_with_its_entry_or_not_at_all(tables: str) -> None:
    database = opened(tables)
    too_soon = Act(3, IDENTIFIED, CONFIRMED, said="3 has not signed in")
    acts = [signing_in(1), signing_in(2), too_soon, signing_in(99)]
    database.keep(acts)
    assert [act.journal for act in acts] == [0, 0, None, None]
    standing = [(IDENTIFIED, 0), (IDENTIFIED, 0), (ASSIGNED, 0), None]
    assert [database.row(STANDING, n) for n in (1, 2, 3, 99)] == standing
    assert kept(tables) == Kept(ready=0, entries=2, whole=True)
    again = signing_in(1)
    database.keep([again])
    assert again.journal is None
    assert kept(tables).entries == 2
    database.close()


@pytest.mark.both_stores
def test_journals_are_counted_and_leave_no_entry(tables: str) -> None:
    database = opened(tables)
    for act in (signing_in(1), Act(1, IDENTIFIED, CONFIRMED, said="c"), Act(1, CONFIRMED, READY, said="a")):
        database.keep([act])
    assert kept(tables) == Kept(ready=0, entries=3, whole=True)  # no journal yet
    first, second = Act(1, READY, READY, grants=1), Act(1, READY, READY, grants=1)
    database.keep([first])
    assert kept(tables) == Kept(ready=1, entries=3, whole=True)
    database.keep([second])
    assert (first.journal, second.journal) == (1, 2)
    database.close()


@pytest.mark.both_stores
def test_several_workers_write_one_chain(tables: str) -> None:
    def work(attempts: range) -> list[int | None]:
        database, acts = opened(tables), [signing_in(n) for n in attempts]
        for act in acts:
            database.keep([act])
        database.close()
        return [act.journal for act in acts]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, (range(1, 6), range(6, 11)))) == [[0] * 5, [0] * 5]
    assert kept(tables) == Kept(ready=0, entries=10, whole=True)


@pytest.mark.parametrize(
    "by_hand",
    [
        "UPDATE floor_log SET said = 'nobody' WHERE seq = 2",
        "DELETE FROM floor_log WHERE seq = 1",
        "DELETE FROM floor_log WHERE seq = 3",
        "UPDATE floor_head SET seq = 4",
        "DELETE FROM floor_head",
    ],
)
def test_a_log_that_is_no_whole_chain_is_told(tables: str, by_hand: str) -> None:
    database = opened(tables)
    database.keep([signing_in(n) for n in (1, 2, 3)])
    database.close()
    assert kept(tables).whole
    changed(tables, by_hand)
    assert not kept(tables).whole


def test_of_an_attempt_that_asks_twice_at_once_the_first_act_counts() -> None:
    acts = [signing_in(2), signing_in(1), replace(signing_in(2), said="again")]
    assert first_of_each(acts) in (acts[:2], acts[1::-1])


def test_a_nonce_of_somebody_else_or_of_long_ago_is_not_fresh() -> None:
    made = nonce_of(b"secret", 1000.0)
    assert is_fresh(b"secret", made, 1000.9)
    assert is_fresh(b"secret", made, 1060.0)
    assert not is_fresh(b"secret", made, 1061.0)
    assert not is_fresh(b"secret", made, 999.0)
    assert not is_fresh(b"other", made, 1000.0)
    assert not is_fresh(b"secret", "", 1000.0)


# --- the running floor --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A workstation of the floor, and whose it is."""

    workstation: int
    key: Ed25519PrivateKey

    @property
    def attempt(self) -> int:
        return 100 + self.workstation

    @property
    def ticket(self) -> str:
        return f"T{self.workstation:04}"

    @property
    def number(self) -> str:
        return f"11010519491231{self.workstation:04}"

    def told_floor(self) -> dict[str, Any]:
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        own = {"workstation": self.workstation, "attempt": self.attempt, "public_key": public}
        return {**own, "ticket": self.ticket, "id_number": self.number}

    def told_driver(self) -> dict[str, Any]:
        private = base64.b64encode(self.key.private_bytes_raw()).decode()
        own = {"workstation": self.workstation, "attempt": self.attempt, "private_key": private}
        return {**own, "ticket": self.ticket, "id_number": self.number}


@dataclass
class Running:
    """The floor as a process on SQLite."""

    address: Address
    store: str
    places: Iterator[Place]

    def enter(self, place: Place) -> str:
        """The token that the load driver's door gets."""
        return Door(self.address).seat(place.told_driver()).token

    def ask(self, method: str, path: str, token: str, body: object = None) -> tuple[int, bytes]:
        line = self.address.connect()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        line.request(method, path, None if body is None else json.dumps(body), headers)
        reply = line.getresponse()
        found = reply.status, reply.read()
        line.close()
        return found

    def sign_in(self, place: Place, token: str) -> int:
        return self.ask("POST", Route.SIGN_IN, token, {"ticket": place.ticket, "id_number": place.number})[0]


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, port = tmp_path_factory.mktemp("floor"), free_port()
    places = [Place(n, Ed25519PrivateKey.generate()) for n in range(1, 31)]
    logins = {"seats": [one.told_floor() for one in places], "package_bytes": PACKAGE_BYTES, "state": SHOWN}
    plan = {
        "bind": f"{LOOPBACK}:{port}",
        "workers": 1,
        "secret": SECRET,
        "store": str(folder / "floor.db"),
        "folder": str(folder),
        "seconds": 3600,
        "attempts": {one.attempt: one.workstation for one in places},
        "certfile": "",
        "keyfile": "",
        "logins": logins,
    }
    (folder / "floor.json").write_text(json.dumps(plan))
    address = Address(f"http://{LOOPBACK}:{port}")
    with Fleet(folder) as fleet:
        process = fleet.start("floor", ["-m", "server.cli.bench.floor", str(folder / "floor.json")])
        await_(address.alive, 60.0, process)
        yield Running(address, plan["store"], iter(places))


@pytest.mark.dear
def test_a_candidate_comes_to_the_first_question(floor: Running) -> None:
    place, before = next(floor.places), kept(floor.store)
    token = floor.enter(place)
    assert floor.sign_in(place, token) == 200
    assert floor.ask("POST", Route.CONFIRM, token, {"is_me": True})[0] == 200
    status, body = floor.ask("POST", Route.ACCEPT, token, {"rules_version": "1", "face_consent": False})
    assert (status, json.loads(body)["step"], json.loads(body)["paper"]["key"]) == (200, READY, None)
    status, body = floor.ask("POST", Route.JOURNALS, token, {"attempt": place.attempt})
    grant = json.loads(body)
    assert (status, grant["attempt"], grant["journal"]) == (200, place.attempt, 1)
    assert len(base64.b64decode(grant["key"])) == 32
    status, package = floor.ask("GET", Route.PACKAGE, token)
    assert (status, len(package)) == (200, PACKAGE_BYTES)
    status, body = floor.ask("GET", Route.STATE, token)
    state = json.loads(body)
    assert (status, state["step"], state["attempt"], state["journal"]) == (200, READY, place.attempt, 1)
    assert state["candidate"] == SHOWN["candidate"]
    assert len(base64.b64decode(state["paper"]["key"])) == 32
    after = kept(floor.store)
    assert after == Kept(before.ready + 1, before.entries + 3, whole=True)


@pytest.mark.dear
def test_only_the_workstations_own_signature_over_a_fresh_nonce_opens_a_session(floor: Running) -> None:
    place, other = next(floor.places), next(floor.places)
    with pytest.raises(ValueError, match=f"{Route.SESSION}: 403"):
        floor.enter(replace(place, key=other.key))
    with pytest.raises(ValueError, match=f"{Route.SESSION}: 403"):
        floor.enter(replace(place, workstation=999))

    def session(nonce: str, sign: Callable[[bytes], bytes] = place.key.sign) -> int:
        signature = base64.b64encode(sign(session_message(place.workstation, nonce))).decode()
        asked = {"workstation": place.workstation, "nonce": nonce, "signature": signature, "software": "1"}
        return floor.ask("POST", Route.SESSION, "", asked)[0]

    now = time.time()
    assert session(nonce_of(SECRET.encode(), now)) == 200
    assert session(nonce_of(SECRET.encode(), now - 62)) == 403
    assert session(nonce_of(b"made up", now)) == 403
    assert session("not base64!") == 403
    assert session(nonce_of(SECRET.encode(), now), lambda _message: b"short") == 403


@pytest.mark.dear
def test_ticket_and_number_and_workstation_have_to_belong_together(floor: Running) -> None:
    place, other = next(floor.places), next(floor.places)
    before, token, strange = kept(floor.store), floor.enter(place), floor.enter(other)
    wrong = {"ticket": place.ticket, "id_number": other.number}
    assert floor.ask("POST", Route.SIGN_IN, token, wrong)[0] == 403
    unknown = {"ticket": "T9999", "id_number": place.number}
    assert floor.ask("POST", Route.SIGN_IN, token, unknown)[0] == 403
    assert floor.sign_in(place, strange) == 403
    assert kept(floor.store) == before
    assert floor.sign_in(place, token) == 200
    assert kept(floor.store).entries == before.entries + 1


@pytest.mark.dear
def test_a_token_of_another_workstation_or_of_nobody_gets_nothing(floor: Running) -> None:
    place, other = next(floor.places), next(floor.places)
    token, strange = floor.enter(place), floor.enter(other)
    assert floor.sign_in(place, token) == 200
    before = kept(floor.store)
    assert floor.ask("POST", Route.JOURNALS, strange, {"attempt": place.attempt})[0] == 403
    made_up = token_of(b"made up", place.workstation)
    assert floor.sign_in(place, made_up) == 403
    for path, body in (
        (Route.CONFIRM, {"is_me": True}),
        (Route.ACCEPT, {"rules_version": "1"}),
        (Route.JOURNALS, {"attempt": place.attempt}),
    ):
        assert floor.ask("POST", path, made_up, body)[0] == 403
    for path in (Route.PACKAGE, Route.STATE):
        assert floor.ask("GET", path, made_up)[0] == 403
    assert kept(floor.store) == before


@pytest.mark.dear
def test_a_step_comes_after_the_one_before_and_once(floor: Running) -> None:
    place, before = next(floor.places), kept(floor.store)
    token = floor.enter(place)
    confirm, accept = {"is_me": True}, {"rules_version": "1"}
    assert floor.ask("POST", Route.CONFIRM, token, confirm)[0] == 409
    assert floor.ask("POST", Route.ACCEPT, token, accept)[0] == 409
    assert floor.sign_in(place, token) == 200
    assert floor.sign_in(place, token) == 409
    assert floor.ask("POST", Route.CONFIRM, token, {"is_me": False})[0] == 409
    assert floor.ask("POST", Route.ACCEPT, token, accept)[0] == 409
    assert floor.ask("POST", Route.JOURNALS, token, {"attempt": place.attempt})[0] == 409
    assert kept(floor.store) == replace(before, entries=before.entries + 1)


@pytest.mark.dear
def test_who_signs_in_at_the_same_time_stands_in_one_chain(floor: Running) -> None:
    together, before = [next(floor.places) for _ in range(8)], kept(floor.store)
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(floor.enter, together))
        assert list(pool.map(floor.sign_in, together, tokens)) == [200] * 8
    assert kept(floor.store) == replace(before, entries=before.entries + 8)


# --- the whole bench ----------------------------------------------------------------------------------


def test_a_bench_that_misses_a_candidate_is_not_complete() -> None:
    run = Run(10.0, dict.fromkeys(ALL_STEPS, 1.0))
    shape = {"store": "sqlite", "workers": 1, "seats": 3, "tls": False, "load": (0.0, 0.0)}
    found = Found(**shape, ours=run, floor=run, ratio_to_floor=1.0, signed_in=3)
    assert found.complete
    assert not replace(found, signed_in=2).complete


@pytest.mark.system
@pytest.mark.long
@pytest.mark.parametrize(
    "shape",
    [
        ("--seats", "3", "--store", "sqlite", "--plain"),
        ("--seats", "4", "--room-seats", "2", "--store", "postgres", "--workers", "2", "--tls"),
    ],
)
def test_a_login_is_measured_by_step_beside_the_floor(shape: tuple[str, ...]) -> None:
    command = ["-c", "from server.cli import main; main()", "bench", "logins", *shape, "--json"]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert list(found)[:4] == ["store", "workers", "seats", "tls"]
    assert (found["store"], found["seats"]) == (shape[shape.index("--store") + 1], int(shape[1]))
    assert found["signed_in"] == found["seats"]
    for run in (found["ours"], found["floor"]):
        assert list(run["by_step"]) == ALL_STEPS
        assert run["cpu_ms"] == pytest.approx(sum(run["by_step"].values()), abs=0.01)
        assert run["cpu_ms"] > 0
    assert found["ratio_to_floor"] == ratio(found["ours"]["cpu_ms"], found["floor"]["cpu_ms"])
    assert len(found["load"]) == 2
