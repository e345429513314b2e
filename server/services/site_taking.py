"""Taking in the files between authority and site, once each, step by step over both stores.

Opening and checking happen outside of every transaction. What waits is opened together: starting a child
process costs as much as opening a site's results.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import (
    DatabaseError,
    InterfaceError,
    InternalError,
    NoResultFound,
    OperationalError,
    StatementError,
)
from sqlalchemy.orm import Session

from itembank.problems import Problem
from server.access import SYSTEM, Permission
from server.db.base import vault_of
from server.db.sites import ExamSite, SiteFile
from server.errors import NotFound, Refused
from server.rules.site_file import DISPATCH, PICTURES, RESULTS, FileBroken
from server.rules.site_results import Opened, Sealed
from server.services import (
    audit,
    dispatch_taking,
    evidence,
    exam_sites,
    results_taking,
    site,
    site_files,
    site_pictures,
)
from server.services.signed import Signed, need, second_person
from server.services.site_exchange import Desk
from server.services.site_files import COMING, TAKEN

log = logging.getLogger(__name__)
TOGETHER_BYTES = 8 << 20
"""Sealed bytes that are opened by one child: some ten sites of fifty candidates."""
TOGETHER_FILES = 64
_UNUSABLE = (
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    NoResultFound,
    RecursionError,
    StatementError,
    TypeError,
    ValueError,
)
"""What a file that its sender sealed and signed, and that says what cannot be, raises while it is written."""
_STORE = (OperationalError, InterfaceError, InternalError)
"""Statement errors that are the store's and no file's: its turn comes again."""
LET_PASS = frozenset({"results_chain", "results_audit"})
"""What two people may let pass with a reason: it stays on the record, and the answers come in as they are."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A file that came whole, and what opens it."""

    row: SiteFile
    sealed: Sealed


def take_in(desk: Desk, signed: Signed, file_id: int) -> dict[str, Any]:
    """Takes a whole file in, once: a second time nothing changes and the same is told."""
    need(signed.actor, Permission.MANAGE_SITES)
    ready = _ready(desk, file_id)
    if isinstance(ready, dict):
        return ready
    (opened,) = desk.opener([ready.sealed])
    try:
        return _taken(desk, signed, ready.row, opened)
    except Refused as refusal:
        if ready.row.kind == DISPATCH:  # the authority hears of it when there is a line
            _put_off(desk, file_id, refusal)
        raise


def take_waiting(desk: Desk) -> int:
    """Takes in what came whole over the line; how many were taken. Why one is refused stands beside it.

    A fault of the store at one file keeps no other from its turn; the first is raised when all had theirs.
    """
    with desk.db.read() as session:
        waiting = site_files.waiting(session)
    faults: list[StatementError] = []
    taken = sum(_take_together(desk, files, faults) for files in _together(waiting))
    if faults:
        raise faults[0]
    return taken


def _together(waiting: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Ids of files in their order, as many as one child opens. `waiting`: ids and sizes."""
    files, size = list[int](), 0
    for file_id, more in waiting:
        if files and (size + more > TOGETHER_BYTES or len(files) == TOGETHER_FILES):
            yield files
            files, size = [], 0
        files.append(file_id)
        size += more
    if files:
        yield files


def _take_together(desk: Desk, files: Sequence[int], faults: list[StatementError]) -> int:
    ready, taken = list[_Ready](), 0
    for file_id in files:
        try:
            found = _ready(desk, file_id)
            if isinstance(found, _Ready):
                ready.append(found)
        except Refused as refusal:
            _put_off(desk, file_id, refusal)
        except StatementError as fault:
            _left(f"{file_id}", fault, faults)
    for one, opened in zip(ready, desk.opener([one.sealed for one in ready]) if ready else (), strict=True):
        try:
            _taken(desk, Signed(SYSTEM), one.row, opened)
            taken += 1
        except Refused as refusal:
            _put_off(desk, one.row.id, refusal)
        except StatementError as fault:
            _left(one.row.uid, fault, faults)
    return taken


def _left(name: str, fault: StatementError, faults: list[StatementError]) -> None:
    """A file at which the store failed waits for its next turn. Raises what is no fault of the store."""
    if not _is_stores(fault):
        raise fault
    log.warning("site file %s waits: %s", name, type(fault).__name__)
    faults.append(fault)


def _is_stores(fault: Exception) -> bool:
    """A statement error that is the store's and no file's; a damaged SQLite file says `DatabaseError`."""
    return isinstance(fault, _STORE) or type(fault) is DatabaseError


def _put_off(desk: Desk, file_id: int, refusal: Refused) -> None:
    """Settles a file that cannot be taken; one whose turn comes again (503) stays, and holds up nobody."""

    def settle(session: Session) -> None:
        row = site_files.get(session, file_id, lock=True)
        if row.state == site_files.WHOLE:
            wrong = [Problem(refusal.code, "", dict(refusal.params))]
            site_files.settle(session, row, SYSTEM, site_files.REFUSED, now=desk.now(), wrong=wrong)

    if refusal.status != 503:
        desk.db.write(settle)


def _ready(desk: Desk, file_id: int) -> _Ready | dict[str, Any]:
    """A file with what opens it; what was told when it has been taken already."""
    with desk.db.read() as session:
        row = site_files.get(session, file_id)
        if not row.incoming:
            raise NotFound("file")
        if row.state == COMING:
            raise Refused("site_file_incomplete", missing=len(site_files.missing(session, row)))
        if row.state == TAKEN:
            return row.told
        _need_newest(session, row)
        head, parts = site_files.head_of(row), site_files.parts(session, file_id)
        secret = site.letter_secret(session, now=desk.now())
        if row.kind == DISPATCH:
            exam_sites.need_authority(session, head.sender)
            return _Ready(row, Sealed(head, parts, secret))
        sender = _open_site(session, row)
        held = results_taking.about(session, row.about, sender)
        if row.kind == RESULTS:
            return _Ready(row, Sealed(head, parts, secret, sender.public_key, held.sent))
        site_pictures.need_results(held)
        return _Ready(row, Sealed(head, parts, secret))


def _taken(
    desk: Desk, signed: Signed, row: SiteFile, opened: Opened | FileBroken | Refused
) -> dict[str, Any]:
    if isinstance(opened, FileBroken):
        raise site_files.broken(opened)
    if isinstance(opened, Refused):
        raise opened
    try:
        if opened.content["about"] != row.about:
            raise Refused("site_file_unusable", 422)
        taking = {DISPATCH: _dispatched, PICTURES: _pictured, RESULTS: _returned}[row.kind]
        return taking(desk, signed, row, opened)
    except _UNUSABLE as fault:
        if _is_stores(fault):
            raise
        log.warning("site file %s: %s", row.uid, type(fault).__name__)
        raise Refused("site_file_unusable", 422) from fault


def _dispatched(desk: Desk, signed: Signed, row: SiteFile, opened: Opened) -> dict[str, Any]:
    def take(session: Session) -> dict[str, Any]:
        held = site_files.get(session, row.id, lock=True)
        if held.state == TAKEN:
            return held.told
        _need_newest(session, held)
        told = dispatch_taking.take_in(session, signed.actor, opened.content, desk.own, now=desk.now())
        site_files.settle(session, held, signed.actor, TAKEN, now=desk.now(), told=told)
        return told

    return desk.db.write(take)


def _pictured(desk: Desk, signed: Signed, row: SiteFile, opened: Opened) -> dict[str, Any]:
    """Sealed into the store first, then their rows: cut off in between, the file is taken again."""
    if desk.evidence is None:
        raise Refused("pictures_before_results", 503)
    with desk.db.read() as session:
        sender, vault = _open_site(session, row), vault_of(session)
        held = results_taking.about(session, row.about, sender)
        found = site_pictures.placed(session, sender, held, opened.content)
    for name, (data, _rows) in found.files.items():
        evidence.keep(vault, desk.evidence, name, data)

    def arrive(session: Session) -> dict[str, Any]:
        kept = site_files.get(session, row.id, lock=True)
        if kept.state == TAKEN:
            return kept.told
        told = site_pictures.arrived(session, found, now=desk.now())
        site_files.settle(session, kept, signed.actor, TAKEN, now=desk.now(), told=told)
        return told

    return desk.db.write(arrive)


def _returned(desk: Desk, signed: Signed, row: SiteFile, opened: Opened) -> dict[str, Any]:
    with desk.db.read() as session:
        sender = _open_site(session, row)
    wrong = _wrong(opened.wrong, sender.code)
    if not _may_pass(signed, wrong):
        desk.db.write(_refuse, signed, row.id, wrong, now=desk.now())
        first = wrong[0]
        raise Refused(
            "results_wrong", 422, site=sender.code, count=len(wrong), place=first.place, why=first.code
        )
    attempts, machines = desk.db.write(results_taking.write_rows, sender, opened.content, now=desk.now())
    new = results_taking.append_answers(desk.answers, opened, attempts, machines)

    def finish(session: Session) -> dict[str, Any]:
        held = site_files.get(session, row.id, lock=True)
        if held.state == TAKEN:
            return held.told
        _need_newest(session, held)
        told = results_taking.finish(session, signed.actor, sender, opened, now=desk.now())
        told |= {"records": new}
        if wrong:
            facts = {"places": [problem.place for problem in wrong[:20]], **signed.why()}
            stream = audit.SYSTEM_STREAM
            audit.record(
                session, stream, signed.actor, "results_overruled", held.uid, now=desk.now(), **facts
            )
        site_files.settle(session, held, signed.actor, TAKEN, now=desk.now(), told=told, wrong=wrong)
        return told

    return desk.db.write(finish)


def _refuse(session: Session, signed: Signed, file_id: int, wrong: list[Problem], *, now: datetime) -> None:
    row = site_files.get(session, file_id, lock=True)
    if row.state != TAKEN:
        site_files.settle(session, row, signed.actor, site_files.REFUSED, now=now, wrong=wrong)
        facts = {"count": len(wrong), "first": wrong[0].code, "place": wrong[0].place}
        audit.record(session, audit.SYSTEM_STREAM, signed.actor, "results_refused", row.uid, now=now, **facts)


def _may_pass(signed: Signed, wrong: list[Problem]) -> bool:
    if not wrong:
        return True
    if not signed.reason.strip() or {problem.code for problem in wrong} - LET_PASS:
        return False
    need(second_person(signed), Permission.MANAGE_SITES)
    return True


def _wrong(problems: list[Problem], code: str) -> list[Problem]:
    """The same with the site before room and seat."""
    return [Problem(one.code, f"{code}/{one.place}" if one.place else code, one.params) for one in problems]


def _open_site(session: Session, row: SiteFile) -> ExamSite:
    assert row.site_id is not None
    return exam_sites.get(session, row.site_id)


def _need_newest(session: Session, row: SiteFile) -> None:
    """A file that was overtaken by a newer one about the same is not taken any more."""
    if row.kind == PICTURES:
        return  # each holds others
    newer = (
        session.query(SiteFile.id)
        .filter(SiteFile.kind == row.kind, SiteFile.about == row.about, SiteFile.incoming.is_(True))
        .filter(SiteFile.number > row.number, SiteFile.state == TAKEN)
        .first()
    )
    if newer is not None:
        raise Refused("site_file_older")
