"""Making, receiving and taking in the files between authority and site, step by step over both stores.

Sealing, hashing and checking happen outside of every transaction.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import DataError, IntegrityError, NoResultFound
from sqlalchemy.orm import Session

from itembank.problems import Problem
from server.access import SYSTEM, Actor, Permission
from server.db.answers import AnswerStore
from server.db.base import Database, vault_of
from server.db.evidence_store import EvidenceStore
from server.db.sites import ExamSite, SiteFile, SiteSitting
from server.errors import Refused
from server.rules import site_file, site_results
from server.rules.site_file import DISPATCH, PICTURES, RESULTS, FileBroken, Head, Subject, fingerprint
from server.services import (
    audit,
    dispatch_taking,
    dispatches,
    evidence,
    exam_sites,
    results_taking,
    site,
    site_files,
    site_pictures,
)
from server.services import site_results as results
from server.services.attempt_export import Sources
from server.services.dispatches import Order
from server.services.signed import Signed, need, second_person
from server.services.site import Site
from server.services.site_files import COMING, TAKEN

log = logging.getLogger(__name__)
_UNUSABLE = (
    AttributeError,
    DataError,
    IndexError,
    IntegrityError,
    KeyError,
    NoResultFound,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a file that its sender sealed and signed, and that says what cannot be, raises while it is written."""
LET_PASS = frozenset({"results_chain", "results_audit"})
"""What two people may let pass with a reason: it stays on the record, and the answers come in as they are."""


Whose = tuple[bytes, Mapping[str, Any]]
Opener = Callable[[Head, list[bytes], bytes, Whose], tuple[dict[str, Any], list[Problem]]]
"""Opens a file and checks what is in it; on the live server a child process does."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What an exchange works with; `now()` is the server's clock."""

    db: Database
    answers: AnswerStore
    own: Site
    now: Callable[[], datetime]
    opener: Opener = site_results.opened
    evidence: EvidenceStore | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A file that goes out. `fresh`: made now; else nothing has changed since the last one."""

    id: int
    uid: str
    fresh: bool
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Came:
    """A file that comes in, and the numbers of the parts that it lacks. `state` as in `site_files`."""

    id: int
    kind: str
    state: str
    missing: tuple[int, ...]


def make_dispatch(desk: Desk, actor: Actor, order: Order) -> Made:
    """Seals the dispatch of a sitting to a site; the same one is not made twice."""
    with desk.db.read() as session:
        content = dispatches.content(session, actor, order, desk.own)
        receiver = exam_sites.get(session, order.site)
        to = fingerprint(receiver.public_key), receiver.letter_key
    told = dispatches.counts(content)

    def note(session: Session, row: SiteFile) -> None:
        held = _sitting(session, order, content)
        held.sent, held.sent_at = dispatches.sent_rows(content, held.sent or {}), desk.now()
        held.confirmed_at = None
        code = exam_sites.get(session, order.site).code
        facts = {"site": code, "content": row.content, **told}
        object_ = f"dispatch/{row.about}"
        audit.record(session, audit.SYSTEM_STREAM, actor, "dispatch_made", object_, now=desk.now(), **facts)

    return _made(desk, (DISPATCH, content, to), (order.site, told, note))


def make_results(desk: Desk, actor: Actor, about: str) -> Made:
    """Seals what goes back of a collected sitting to the authority; the same is not made twice."""
    desk.db.write(results.seal_chains, actor, about, now=desk.now())
    with desk.db.read() as session:
        content = results.content(session, actor, Sources(desk.answers, desk.own), about)
        authority = exam_sites.authority_of(session)
        to = fingerprint(authority.public_key), authority.letter_key
    told = {"rooms": len(content["rooms"]), "attempts": len(content["tables"]["attempts"])}
    return _made(desk, (RESULTS, content, to), (None, told, lambda _session, _row: None))


def make_pictures(desk: Desk, actor: Actor, about: str) -> Made | None:
    """Seals the next pictures of a sitting to the authority; None when all have gone."""
    if desk.evidence is None:
        return None
    with desk.db.read() as session:
        content = site_pictures.content(session, actor, desk.evidence, about)
        authority = exam_sites.authority_of(session)
        to = fingerprint(authority.public_key), authority.letter_key
    if not content["frames"]:
        return None
    told = site_pictures.told(content)
    return _made(desk, (PICTURES, content, to), (None, told, lambda _session, _row: None))


def receive(desk: Desk, actor: Actor, data: bytes) -> Came:
    """Takes a file, whole or cut, into the store; a part that is there already is not stored twice."""
    need(actor, Permission.MANAGE_SITES)
    try:
        head, parts = site_file.read_file(data)
    except FileBroken as fault:
        raise site_files.broken(fault) from fault
    row = receive_head(desk, head)
    for number, part in parts.items():
        if number in row.missing:
            desk.db.write(site_files.put_part, row.id, number, part)
    return came(desk, row.id)


def receive_head(desk: Desk, head: Head) -> Came:
    """Begins or continues a file after its sender was found known and we its receiver."""

    def begin(session: Session) -> int:
        return site_files.begin(session, head, _sender(session, desk, head), now=desk.now()).id

    return came(desk, desk.db.write(begin))


def came(desk: Desk, file_id: int) -> Came:
    """How far a file is."""
    with desk.db.read() as session:
        row = site_files.get(session, file_id)
        return Came(row.id, row.kind, row.state, tuple(site_files.missing(session, row)))


def take_in(desk: Desk, signed: Signed, file_id: int) -> dict[str, Any]:
    """Takes a whole file in, once: a second time nothing changes and the same is told."""
    need(signed.actor, Permission.MANAGE_SITES)
    return _taken(desk, signed, file_id)


def take_waiting(desk: Desk) -> int:
    """Takes in what came whole over the line; how many were taken. Why one is refused stands beside it."""
    taken = 0
    with desk.db.read() as session:
        waiting = site_files.waiting(session)
    for file_id in waiting:
        try:
            _taken(desk, Signed(SYSTEM), file_id)
            taken += 1
        except Refused as refusal:
            if refusal.status == 503:
                continue  # its turn comes again; the others need not wait for it
            desk.db.write(_put_off, file_id, refusal, now=desk.now())
    return taken


def _put_off(session: Session, file_id: int, refusal: Refused, *, now: datetime) -> None:
    row = site_files.get(session, file_id, lock=True)
    if row.state == site_files.WHOLE:
        wrong = [Problem(refusal.code, "", dict(refusal.params))]
        site_files.settle(session, row, SYSTEM, site_files.REFUSED, now=now, wrong=wrong)


def _taken(desk: Desk, signed: Signed, file_id: int) -> dict[str, Any]:
    with desk.db.read() as session:
        row = site_files.get(session, file_id)
        if row.state == COMING:
            raise Refused("site_file_incomplete", missing=len(site_files.missing(session, row)))
        if row.state == TAKEN:
            return row.told
        _need_newer(session, row)
        head, parts = site_files.head_of(row), site_files.parts(session, file_id)
        secret, whose = site.letter_secret(session, now=desk.now()), _whose(session, row)
    try:
        content, wrong = desk.opener(head, parts, secret, whose)
    except FileBroken as fault:
        raise site_files.broken(fault) from fault
    try:
        if row.kind == DISPATCH:
            return _dispatched(desk, signed, row, content)
        if content["about"] != row.about:
            raise Refused("site_file_unusable", 422)
        if row.kind == PICTURES:
            return _pictured(desk, signed, row, content)
        return _returned(desk, signed, row, (content, wrong))
    except _UNUSABLE as fault:
        log.warning("site file %s: %s", row.uid, type(fault).__name__)
        raise Refused("site_file_unusable", 422) from fault


def _whose(session: Session, row: SiteFile) -> Whose:
    if row.kind == DISPATCH:
        return b"", {}
    sender = _open_site(session, row)
    held = results_taking.about(session, row.about, sender)
    if row.kind == PICTURES:
        site_pictures.need_results(held)
        return b"", {}
    return sender.public_key, held.sent


def _pictured(desk: Desk, signed: Signed, row: SiteFile, content: dict[str, Any]) -> dict[str, Any]:
    """Sealed into the store first, then their rows: cut off in between, the file is taken again."""
    if desk.evidence is None:
        raise Refused("pictures_before_results", 503)
    with desk.db.read() as session:
        sender, vault = _open_site(session, row), vault_of(session)
        held = results_taking.about(session, row.about, sender)
        found = site_pictures.placed(session, sender, held, content)
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


def _dispatched(desk: Desk, signed: Signed, row: SiteFile, content: dict[str, Any]) -> dict[str, Any]:
    def take(session: Session) -> dict[str, Any]:
        held = site_files.get(session, row.id, lock=True)
        if held.state == TAKEN:
            return held.told
        told = dispatch_taking.take_in(session, signed.actor, content, desk.own, now=desk.now())
        site_files.settle(session, held, signed.actor, TAKEN, now=desk.now(), told=told)
        return told

    return desk.db.write(take)


def _returned(
    desk: Desk, signed: Signed, row: SiteFile, opened: tuple[dict[str, Any], list[Problem]]
) -> dict[str, Any]:
    with desk.db.read() as session:
        sender = _open_site(session, row)
    content, wrong = opened[0], _wrong(opened[1], sender.code)
    if not _may_pass(signed, wrong):
        desk.db.write(_refuse, signed, row.id, wrong, now=desk.now())
        first = wrong[0]
        raise Refused(
            "results_wrong", 422, site=sender.code, count=len(wrong), place=first.place, why=first.code
        )
    attempts, machines = desk.db.write(results_taking.write_rows, sender, content, now=desk.now())
    new = results_taking.append_answers(desk.answers, content, attempts, machines)

    def finish(session: Session) -> dict[str, Any]:
        held = site_files.get(session, row.id, lock=True)
        if held.state == TAKEN:
            return held.told
        told = results_taking.finish(session, signed.actor, sender, content, now=desk.now())
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


def _made(
    desk: Desk,
    what: tuple[str, dict[str, Any], tuple[str, bytes]],
    keeping: tuple[int | None, dict[str, Any], Callable[[Session, SiteFile], None]],
) -> Made:
    kind, content, (peer, letter_key) = what
    site_id, told, note = keeping
    with desk.db.read() as session:
        last = site_files.newest_out(session, kind, content["about"])
        same = last is not None and last.content == site_file.content_hash(content) and head_for(last, peer)
        if last is not None and same and site_files.with_parts(session, [last.id]):
            return Made(last.id, last.uid, False, told)
        number = site_files.next_number(session, kind, content["about"])
    subject = Subject(kind, content["about"], number, peer, desk.now())
    sealed = site_file.make(subject, content, letter_key, desk.own.signing_key)

    def keep(session: Session) -> Made:
        row = site_files.keep_out(session, sealed, site_id, told, now=desk.now())
        note(session, row)
        return Made(row.id, row.uid, True, told)

    return desk.db.write(keep)


def head_for(row: SiteFile, peer: str) -> bool:
    """Whether a file was sealed to this very receiver: a site may have got new keys since."""
    return site_files.head_of(row).peer == peer


def _sender(session: Session, desk: Desk, head: Head) -> int | None:
    """The site a file is from, None for the authority. Refused when it is not for us or of nobody known."""
    if head.peer != fingerprint(desk.own.public_key):
        raise Refused("site_file_not_for_us", 422)
    if head.kind == DISPATCH:
        if exam_sites.authority_of(session).public_key != head.sender:
            raise Refused("site_file_of_stranger", 422)
        return None
    sender = exam_sites.by_key(session, head.sender)
    results_taking.about(session, head.about, sender)
    return sender.id


def _open_site(session: Session, row: SiteFile) -> ExamSite:
    assert row.site_id is not None
    return exam_sites.get(session, row.site_id)


def _need_newer(session: Session, row: SiteFile) -> None:
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


def _sitting(session: Session, order: Order, content: dict[str, Any]) -> SiteSitting:
    held = session.query(SiteSitting).filter(SiteSitting.uid == content["about"]).one_or_none()
    if held is None:
        held = SiteSitting(uid=content["about"], sitting_id=order.sitting, site=order.site, sent={})
        session.add(held)
    return held
