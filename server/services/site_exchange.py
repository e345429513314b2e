"""Making and receiving the files between authority and site; `site_taking` takes them in.

Sealing and hashing happen outside of every transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.base import Database
from server.db.evidence_store import EvidenceStore
from server.db.sites import SiteFile, SiteSitting
from server.errors import Refused
from server.rules import site_file
from server.rules.site_file import DISPATCH, PICTURES, RESULTS, FileBroken, Head, Subject, fingerprint
from server.rules.site_results import Opened, Sealed, opened_all
from server.services import audit, dispatches, exam_sites, results_taking, site_files, site_pictures
from server.services import site_results as results
from server.services.attempt_export import Sources
from server.services.dispatches import Order
from server.services.signed import need
from server.services.site import Site

Opener = Callable[[Sequence[Sealed]], Iterable[Opened | FileBroken | Refused]]
"""Opens files and checks what is in them, one answer each; on the live server a child process does."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What an exchange works with; `now()` is the server's clock."""

    db: Database
    answers: AnswerStore
    own: Site
    now: Callable[[], datetime]
    opener: Opener = opened_all
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
        exam_sites.need_authority(session, head.sender)
        return None
    sender = exam_sites.by_key(session, head.sender)
    results_taking.about(session, head.about, sender)
    return sender.id


def _sitting(session: Session, order: Order, content: dict[str, Any]) -> SiteSitting:
    held = session.query(SiteSitting).filter(SiteSitting.uid == content["about"]).one_or_none()
    if held is None:
        held = SiteSitting(uid=content["about"], sitting_id=order.sitting, site=order.site, sent={})
        session.add(held)
    return held
