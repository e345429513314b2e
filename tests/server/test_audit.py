"""The audit chains: linked entries, one chain per stream, every kind of tampering found."""

import threading
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from server.access import SYSTEM, Actor
from server.db.record import AuditEntry, AuditHead
from server.host import Host
from server.services import audit

KEEPER = Actor(7, "王芳")


def write(host: Host, count: int, stream: str = "bank/1") -> None:
    for number in range(count):
        host.db.write(
            audit.record, stream, KEEPER, "import_bank", f"import/{number}", now=host.now(), rows=number
        )


def codes(host: Host, stream: str = "bank/1") -> list[tuple[int, str]]:
    with host.db.read() as session:
        return [(fault.seq, fault.code) for fault in audit.verify(session, stream).breaks]


def tamper(host: Host, statement: object) -> None:
    host.db.write(lambda session: session.execute(statement))


@pytest.mark.both_stores
def test_entries_are_numbered_and_linked(host: Host) -> None:
    write(host, 3)
    with host.db.read() as session:
        rows = list(
            session.scalars(select(AuditEntry).where(AuditEntry.stream == "bank/1").order_by(AuditEntry.seq))
        )
    assert [row.seq for row in rows] == [1, 2, 3]
    assert [row.prev for row in rows] == [audit.FIRST_HASH, rows[0].hash, rows[1].hash]
    assert codes(host) == []


@pytest.mark.both_stores
def test_streams_do_not_touch_each_other(host: Host) -> None:
    write(host, 2, "bank/1")
    write(host, 1, "sitting/4")
    with host.db.read() as session:
        verdicts = {verdict.stream: verdict.entries for verdict in audit.verify_all(session)}
    assert (verdicts["bank/1"], verdicts["sitting/4"]) == (2, 1)


@pytest.mark.both_stores
def test_nothing_stands_without_the_act(host: Host) -> None:
    def act(session: Session, *, now: datetime) -> None:
        audit.record(session, "bank/1", KEEPER, "import_bank", "x", now=now)
        raise ValueError("the act failed")

    with pytest.raises(ValueError, match="the act failed"):
        host.db.write(act, now=host.now())
    write(host, 1)
    assert codes(host) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "李雷"),
        ("act", "export_bank"),
        ("object", "import/9"),
        ("details", {"rows": 99}),
        ("actor_id", 8),
    ],
)
def test_changed_entry_is_found(host: Host, column: str, value: object) -> None:
    write(host, 3)
    tamper(
        host,
        update(AuditEntry).where(AuditEntry.stream == "bank/1", AuditEntry.seq == 2).values({column: value}),
    )
    assert codes(host) == [(2, "hash")]


def test_moved_moment_is_found(host: Host, now: datetime) -> None:
    write(host, 1)
    later = now + timedelta(microseconds=1)
    tamper(host, update(AuditEntry).where(AuditEntry.stream == "bank/1").values(at=later))
    assert codes(host) == [(1, "hash")]


def test_removed_entry_is_found(host: Host) -> None:
    write(host, 3)
    tamper(host, delete(AuditEntry).where(AuditEntry.stream == "bank/1", AuditEntry.seq == 2))
    assert codes(host) == [(3, "gap"), (3, "prev")]


@pytest.mark.both_stores
def test_cut_tail_is_found(host: Host) -> None:
    write(host, 3)
    tamper(host, delete(AuditEntry).where(AuditEntry.stream == "bank/1", AuditEntry.seq == 3))
    assert codes(host) == [(2, "head")]


def test_removed_chain_is_found(host: Host) -> None:
    write(host, 2)
    tamper(host, delete(AuditEntry).where(AuditEntry.stream == "bank/1"))
    assert codes(host) == [(0, "head")]


def test_removed_head_is_found(host: Host) -> None:
    write(host, 2)
    tamper(host, delete(AuditHead).where(AuditHead.stream == "bank/1"))
    with host.db.read() as session:
        assert "bank/1" in audit.streams(session)
    assert codes(host) == [(2, "head")]


def test_rewritten_entry_breaks_the_next(host: Host) -> None:
    write(host, 2)
    with host.db.read() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.stream == "bank/1", AuditEntry.seq == 1)
        ).one()
        entry.actor = "李雷"
        forged = audit.digest(entry)
    change = update(AuditEntry).where(AuditEntry.stream == "bank/1", AuditEntry.seq == 1)
    tamper(host, change.values(actor="李雷", hash=forged))
    assert codes(host) == [(2, "prev")]


def test_inserted_entry_is_found(host: Host, now: datetime) -> None:
    write(host, 1)
    extra = {
        "stream": "bank/1",
        "seq": 2,
        "at": now,
        "actor": "李雷",
        "act": "x",
        "object": "y",
        "details": {},
    }
    tamper(host, insert(AuditEntry).values(**extra, prev="0" * 64, hash="1" * 64))
    assert {code for _seq, code in codes(host)} == {"prev", "hash", "head"}


@pytest.mark.both_stores
def test_details_survive_the_store(host: Host, now: datetime) -> None:
    details = {
        "minutes": Decimal("7.50"),
        "at": now,
        "forms": ("A", "B"),
        "roles": {"b", "a"},
        "ok": True,
        "none": None,
    }
    host.db.write(audit.record, "bank/1", SYSTEM, "act", "object", now=now, **details)
    assert codes(host) == []
    with host.db.read() as session:
        (line, *_rest) = audit.page(session, stream="bank/1")
    assert line.details == {
        "minutes": "7.50",
        "at": "2026-11-21T00:30:00+00:00",
        "forms": ["A", "B"],
        "roles": ["a", "b"],
        "ok": True,
        "none": None,
    }


@pytest.mark.both_stores
def test_concurrent_writers_make_one_chain(host: Host) -> None:
    threads = [threading.Thread(target=write, args=(host, 5)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with host.db.read() as session:
        verdict = audit.verify(session, "bank/1")
    assert (verdict.entries, verdict.breaks) == (30, ())


@pytest.mark.both_stores
def test_page_shows_newest_first_and_goes_on(host: Host) -> None:
    write(host, audit.PAGE + 2)
    with host.db.read() as session:
        first = audit.page(session, stream="bank/1")
        rest = audit.page(session, stream="bank/1", before=first[-1].id)
    assert [line.seq for line in first] == list(range(audit.PAGE + 2, 2, -1))
    assert [line.seq for line in rest] == [2, 1]
