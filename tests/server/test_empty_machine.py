"""A backup, the key file and its passphrase, and nothing else: another machine becomes the same installation."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor
from server.cli.rehearse.fleet import Fleet, await_, start_server
from server.cli.rehearse.hall import free_port
from server.cli.rehearse.staff import Address
from server.db.base import make_engine
from server.db.migrate import HISTORIES
from server.db.rooms import Workstation
from server.db.watching import EvidenceFrame
from server.host import Host
from server.rules.attempt_check import check, read
from server.services import audit
from server.services.attempt_export import Sources
from server.services.store_check import look_over
from tests.server.centre import WORDS, Centre, copied_centre, initialised_folder  # noqa: F401 - fixtures
from tests.server.conftest import Machine
from tests.server.holdings import FRAME, PICTURE, SHA, Holdings, holdings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def host(centre: Centre, machine: Machine) -> Iterator[Host]:
    with centre.host(machine.look) as opened:
        yield opened


@pytest.fixture
def held(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Holdings:
    found = holdings(host, person_as, machine)
    host.db.write(_frame, found, host)
    return found


def _frame(session, held: Holdings, host: Host) -> None:
    """The row of the picture that lies in the store."""
    attempt = held.scene.attempt("1")
    workstation = session.scalar(select(Workstation.id).where(Workstation.seat_id == attempt.seat_id))
    now = host.now()
    session.add(
        EvidenceFrame(
            id=1,
            room_sitting_id=attempt.room_sitting_id,
            attempt_id=attempt.id,
            seat_id=attempt.seat_id,
            workstation_id=workstation,
            purpose="alert",
            sha256=SHA,
            size=len(PICTURE),
            taken_at=now,
            announced_at=now,
            stored_at=now,
            file=FRAME,
            keep_until=now.replace(year=now.year + 1),
        )
    )


def changed_answer(centre: Centre) -> None:
    with closing(sqlite3.connect(centre.settings.data / "answers.db")) as store, store:
        store.execute("UPDATE answer_events SET body = 'AAAA' WHERE seq = 3")


class TestWhatIsLookedAt:
    def test_everything_of_a_whole_store(self, host: Host, held: Holdings) -> None:
        with host.db.read() as session:
            found = look_over(session, Sources(host.answers, host.site), host.evidence, now=host.now())
        assert (found.good, found.attempts, found.records, found.pictures) == (True, 3, 4, 1)
        assert "T2026-0001" in found.incomplete  # the paper is still being written
        assert found.streams >= 2

    def test_a_changed_answer_names_the_candidate(self, centre: Centre, host: Host, held: Holdings) -> None:
        changed_answer(centre)
        with host.db.read() as session:
            found = look_over(session, Sources(host.answers, host.site), host.evidence, now=host.now())
        assert not found.good
        assert {ticket for ticket, _code in found.faults} == {"T2026-0001"}

    @pytest.mark.parametrize("harm", ["gone", "other bytes"])
    def test_a_picture_that_does_not_open_is_counted(self, host: Host, held: Holdings, harm: str) -> None:
        host.evidence.delete(FRAME)
        if harm == "other bytes":
            host.evidence.put(FRAME, b"these were never sealed")
        with host.db.read() as session:
            found = look_over(session, Sources(host.answers, host.site), host.evidence, now=host.now())
        assert (found.missing, found.good) == ([FRAME], False)

    @pytest.mark.dear
    def test_a_restore_of_changed_answers_says_so(
        self, centre: Centre, host: Host, held: Holdings, tmp_path: Path
    ) -> None:
        changed_answer(centre)
        centre.done("backup", "--out", tmp_path / "b")
        assert "T2026-0001" in centre.refused("restore", tmp_path / "b", "--into", tmp_path / "new")


@dataclass
class Elsewhere:
    """Another machine: a home and a data folder of its own, new processes, the stick's three files."""

    home: Path
    variables: dict[str, str]

    def examhall(self, *typed: str | Path) -> str:
        words = [sys.executable, "-c", "from server.cli import main; main()", *map(str, typed)]
        done = subprocess.run(
            words, env=self.variables, cwd=self.home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (typed, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def elsewhere(centre: Centre, tmp_path: Path) -> Iterator[Elsewhere]:
    home = tmp_path / "elsewhere"
    (home / "keys").mkdir(parents=True)
    shutil.copy(centre.keyfile, home / "keys" / "master.json")
    (home / "passphrase").write_text(WORDS + "\n")
    memory = Path(tempfile.mkdtemp(prefix="eh-test-", dir="/dev/shm"))
    variables = {
        "HOME": str(home),
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "EXAMHALL_DATA": str(home / "data"),
        "EXAMHALL_KEYFILE": str(home / "keys" / "master.json"),
        "EXAMHALL_UNLOCKED": str(memory),
        "EXAMHALL_PASSPHRASE_FILE": str(home / "passphrase"),
        "EXAMHALL_BIND": f"127.0.0.1:{free_port()}",
        "EXAMHALL_PLAIN_HTTP": "1",
        "EXAMHALL_ARGON_MEMORY": "64",
    }
    yield Elsewhere(home, variables)
    shutil.rmtree(memory)


def row_counts(folder: Path) -> dict[str, int]:
    found = {}
    for history, file in zip(HISTORIES, ("examhall.db", "answers.db"), strict=True):
        with closing(sqlite3.connect(folder / file)) as store:
            for table in history.metadata.sorted_tables:
                query = str(select(func.count()).select_from(table))
                found[table.name] = store.execute(query).fetchone()[0]
    return found


@pytest.mark.system
@pytest.mark.walk
def test_an_empty_machine_becomes_the_same_installation(
    centre: Centre, host: Host, held: Holdings, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    before = row_counts(centre.settings.data)
    centre.done("backup", "--out", elsewhere.home / "backup")
    host.close()
    shutil.rmtree(centre.settings.data)
    told = elsewhere.examhall("restore", "backup", "--into", elsewhere.home / "data")
    assert "考生作答 3 份，记录 4 条" in told
    assert "画面 1 张，缺失或打不开的 0 张" in told
    after = row_counts(elsewhere.home / "data")
    grown = {"audit_entries", "audit_heads", "server_boots", "server_boot", "server_epochs"}
    assert {name: after[name] for name in after.keys() - grown} == {
        name: before[name] for name in before.keys() - grown
    }
    assert after["audit_entries"] > before["audit_entries"]
    assert after["server_epochs"] == before["server_epochs"] + 1, "seats must send again"
    engine = make_engine(f"sqlite:///{elsewhere.home / 'data' / 'examhall.db'}")
    with Session(engine) as session:
        assert [one.stream for one in audit.verify_all(session) if one.breaks] == []
    engine.dispose()
    elsewhere.examhall("attempt", "export", "--room", str(held.scene.room_sitting), "--out", "papers.json")
    checked = check(read((elsewhere.home / "papers.json").read_bytes()))
    assert checked.wrong == ()
    faults = {fault.code for proof in checked.proofs for fault in proof.faults}
    assert faults <= {"no_receipt"}, "papers under way have no receipt, and that is all"
    (elsewhere.home / "fleet").mkdir()
    address = Address(f"http://{elsewhere.variables['EXAMHALL_BIND']}", "")
    with Fleet(elsewhere.home / "fleet") as fleet:
        server = start_server(fleet, elsewhere.variables, address)
        await_(address.alive, 10, server)
