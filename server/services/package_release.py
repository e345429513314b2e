"""Opening a room's package (R20): two custodians of different roles, with the secret kept here or typed in.

Where the room has no link to the server that sealed, two people there issue the release secret as a room
code from the moment on at which the window opens, and the custodians in the room type it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from itembank.custody import ReleaseRefused
from itembank.package import CustodianShare, ReleaseRequest, release
from itembank.room_code import RoomCodeWrong, room_code, secret_of_code
from itembank.version import VERSION
from server.access import Actor, Permission
from server.db.base import emit, vault_of
from server.db.papers import Package
from server.errors import Forbidden, Refused
from server.events import RoomChanged
from server.rules.policy_components import ASSESSED
from server.services import audit, dispatches, packages, seat_checks
from server.services.custody import need_two
from server.services.signed import Signed


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A custodian who has just opened the own private key with the passphrase."""

    actor: Actor
    private_key: bytes

    @property
    def share(self) -> CustodianShare:
        """The holder as packages know people that were sealed here."""
        return CustodianShare(str(self.actor.user_id), self.private_key)

    def share_of(self, session: Session, package: Package) -> CustodianShare:
        """The holder as this very package knows people."""
        return CustodianShare(packages.share_name(session, package, self.actor.user_id), self.private_key)


def open_package(  # noqa: PLR0913 - the room, its two custodians and what they bring
    session: Session,
    room_sitting_id: int,
    holders: tuple[Unlocked, Unlocked],
    site_key: bytes,
    *,
    now: datetime,
    code: str = "",
) -> None:
    """Two custodians of different roles release the room's package inside its window.

    `code`: a room code in place of the release secret that the server keeps. Every reason to refuse has its
    code: too_early, same_person, same_role, wrong_room, wrong_share, wrong_code, older_version (release_…),
    room_code_… for what is no code. A package of other papers than the sitting's is never opened.
    """
    for holder in holders:
        if not holder.actor.can(Permission.HOLD_KEY):
            raise Forbidden(Permission.HOLD_KEY)
    sitting, room_sitting = packages.locked(session, room_sitting_id)
    dispatches.need_here(session, room_sitting_id)
    package = packages.needed(session, room_sitting_id)
    if package.state != "sealed":
        raise Refused("package_already_released")
    packages.check_papers(session, package)
    by_panel = sitting.method in ASSESSED
    if room_sitting.state != "arranged":
        raise Refused("order_not_drawn" if by_panel else "seats_not_drawn")
    secret = _release_secret(session, package, code)
    shares = holders[0].share_of(session, package), holders[1].share_of(session, package)
    asked = ReleaseRequest(shares, secret, room_sitting.uid, now)
    content_key = _opened(package, site_key, asked)
    vault = vault_of(session)
    package.sealed_content_key = vault.seal_value(packages.CONTENT_PURPOSE, package.uid, content_key)
    package.state, package.released_at = "released", now
    package.released_by = [holder.actor.user_id for holder in holders if holder.actor.user_id]
    room_sitting.state = "released"
    room_sitting.version += 1
    if not by_panel:
        seat_checks.prepare(session, room_sitting_id, now=now)
    told = {"persons": [holder.actor.name for holder in holders], "by_code": bool(code)}
    stream, object_ = audit.sitting_stream(room_sitting_id), f"package/{package.uid}"
    audit.record(session, stream, holders[0].actor, "package_released", object_, now=now, **told)
    emit(session, RoomChanged(room_sitting_id))


def _opened(package: Package, site_key: bytes, asked: ReleaseRequest) -> bytes:
    try:
        return release(package.data, site_key, asked)
    except ReleaseRefused as refusal:
        told = {"not_before": package.not_before.isoformat(), "needed": package.min_version, "own": VERSION}
        raise Refused(f"release_{refusal.code}", 403, **told) from refusal


def _release_secret(session: Session, package: Package, code: str) -> bytes:
    if code.strip():
        try:
            return secret_of_code(code)
        except RoomCodeWrong as wrong:
            raise Refused(wrong.code, 422, field="room_code", **wrong.params) from wrong
    if not package.sealed_release_secret:
        raise Refused("room_code_needed", 422, field="room_code")
    return vault_of(session).open_value(packages.SECRET_PURPOSE, package.uid, package.sealed_release_secret)


def issue_code(session: Session, signed: Signed, room_sitting_id: int, *, now: datetime) -> str:
    """The room code of the package in force, for two people, once; a further time needs a reason.

    Refused before the window opens, for a package that is open already, and where the secret is not kept.
    """
    need_two(signed, reason=False)
    package = packages.needed(session, room_sitting_id)
    if package.state != "sealed":
        raise Refused("package_already_released")
    packages.check_papers(session, package)
    if now < package.not_before:
        raise Refused("room_code_too_early", 403, not_before=package.not_before.isoformat())
    if not package.sealed_release_secret:
        raise Refused("room_code_not_here")
    before = package.code_issued or {}
    if before and not signed.reason.strip():
        raise Refused("room_code_again", 422, field="reason")
    assert signed.cosigner is not None
    times = int(before.get("times", 0)) + 1
    package.code_issued = {"by": signed.actor.name, "at": now.isoformat(), "times": times, **signed.why()}
    stream, object_ = audit.sitting_stream(room_sitting_id), f"package/{package.uid}"
    told = {"times": times, **signed.why()}
    audit.record(session, stream, signed.actor, "room_code_issued", object_, now=now, **told)
    secret = vault_of(session).open_value(packages.SECRET_PURPOSE, package.uid, package.sealed_release_secret)
    return room_code(secret)
