"""Rooms behind Safe Exam Browser: set-up, the file for the workstations, and what their seats proved.

The browser only keeps the candidate at the page. Which machine speaks is proved by pairing alone: a
program that forges what SEB says still has to hold the seat's key.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import SebState
from server.access import Actor, Permission
from server.db.base import emit, vault_of
from server.db.rooms import Room, Seat
from server.db.seb import SebRoom
from server.errors import NotFound, Refused
from server.events import SebChanged
from server.rules.seb.config import write_plist
from server.rules.seb.file import write_seb
from server.rules.seb.proof import Expected
from server.rules.seb.safe_settings import LEAST_PORT, MOST_PORT, SebPlan, safe_settings, start_url
from server.rules.seb.seb_json import config_key
from server.rules.seb.uploaded import Uploaded
from server.services import audit
from server.services.agents import Agent
from server.services.incidents import Place, clear, raise_incident
from server.services.signed import Signed, need, need_reason
from server.services.sittings_now import open_sitting

LEAST_PASSWORD, MOST_PASSWORD = 8, 64
_SETTINGS, _PASSWORD = "seb settings", "seb quit password"


@dataclass(frozen=True, slots=True)
class SebSetup:
    """What stands for a room. `quit_password` is empty for settings that were uploaded."""

    source: str
    port: int
    config_key: str
    exam_keys: tuple[str, ...]
    quit_password: str
    set_at: datetime


# --- set-up --------------------------------------------------------------------------------------------


def make(session: Session, signed: Signed, room_id: int, plan: SebPlan, *, now: datetime) -> str:
    """Settings made here with safe values; the Config Key. Raises `Refused` by field."""
    _changeable(session, signed, room_id, now)
    if not LEAST_PORT <= plan.port <= MOST_PORT:
        raise Refused("seb_port", 422, field="port", least=LEAST_PORT, most=MOST_PORT)
    check_password(plan.quit_password, "quit_password")
    settings = safe_settings(plan)
    key = config_key(settings)
    row = _row(session, room_id, "made", plan.port, write_plist(settings))
    row.config_key = key
    row.exam_keys = None  # they belong to the settings that were
    sealed = vault_of(session).seal_value(_PASSWORD, str(room_id), plan.quit_password.encode())
    row.sealed_quit_password = sealed
    _changed(session, signed, row, now)
    return key


def take(session: Session, signed: Signed, room_id: int, own: Uploaded, *, now: datetime) -> str:
    """The institution's own settings; the Config Key."""
    _changeable(session, signed, room_id, now)
    row = _row(session, room_id, "uploaded", own.port, own.plist)
    row.config_key, row.exam_keys, row.sealed_quit_password = own.config_key, None, None
    _changed(session, signed, row, now)
    return own.config_key


def set_exam_keys(
    session: Session, signed: Signed, room_id: int, keys: tuple[str, ...], *, now: datetime
) -> None:
    """Browser Exam Keys to compare with as well; none: only the Config Key counts."""
    _changeable(session, signed, room_id, now)
    row = session.get(SebRoom, room_id, with_for_update=True)
    if row is None:
        raise NotFound("seb")
    row.exam_keys = list(keys) or None
    _changed(session, signed, row, now)


def drop(session: Session, signed: Signed, room_id: int, *, now: datetime) -> None:
    """The room is one of our own launcher again."""
    _changeable(session, signed, room_id, now)
    row = session.get(SebRoom, room_id, with_for_update=True)
    if row is None:
        raise NotFound("seb")
    session.delete(row)
    _note(session, signed, room_id, "seb_dropped", now)
    emit(session, SebChanged(room_id))


def setup_of(session: Session, room_id: int) -> SebSetup | None:
    """What stands for a room, opened; None for a room without SEB."""
    row = session.get(SebRoom, room_id)
    if row is None:
        return None
    vault, ident = vault_of(session), str(room_id)
    password = row.sealed_quit_password
    return SebSetup(
        source=row.source,
        port=row.port,
        config_key=row.config_key,
        exam_keys=tuple(row.exam_keys or ()),
        quit_password=vault.open_value(_PASSWORD, ident, password).decode() if password else "",
        set_at=row.set_at,
    )


def file_for(session: Session, actor: Actor, room_id: int, password: str, *, now: datetime) -> bytes:
    """The .seb file of a room, sealed when a password is given; on the record."""
    need(actor, Permission.MANAGE_ROOMS)
    row = session.get(SebRoom, room_id)
    if row is None:
        raise NotFound("seb")
    if password:
        check_password(password, "file_password")
    _note(session, Signed(actor), room_id, "seb_file_taken_out", now, sealed=bool(password))
    return write_seb(vault_of(session).open_value(_SETTINGS, str(room_id), row.sealed_settings), password)


def check_password(password: str, field: str) -> None:
    """Raises `Refused` unless SEB can take this password everywhere.

    Plain ASCII: versions of its containers disagree about the length of other passwords.
    """
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise Refused("seb_password_length", 422, field=field, least=LEAST_PASSWORD, most=MOST_PASSWORD)
    if not (password.isascii() and password.isprintable()):
        raise Refused("seb_password_plain", 422, field=field)


def _changeable(session: Session, signed: Signed, room_id: int, now: datetime) -> None:
    """In a room whose paper is open a change stops candidates at the door: it needs a reason."""
    need(signed.actor, Permission.MANAGE_ROOMS)
    if session.get(Room, room_id) is None:
        raise NotFound("room")
    if open_sitting(session, room_id, now) is not None:
        need_reason(signed)


def _row(session: Session, room_id: int, source: str, port: int, plist: bytes) -> SebRoom:
    row = session.get(SebRoom, room_id, with_for_update=True) or SebRoom(room_id=room_id)
    row.source, row.port = source, port
    sealed = vault_of(session).seal_value(_SETTINGS, str(room_id), plist)
    row.sealed_settings = sealed
    return row


def _changed(session: Session, signed: Signed, row: SebRoom, now: datetime) -> None:
    row.set_at, row.set_by = now, signed.actor.user_id
    session.add(row)
    session.flush()
    facts = {"source": row.source, "config_key": row.config_key, "exam_keys": len(row.exam_keys or ())}
    _note(session, signed, row.room_id, "seb_set_up", now, **facts)
    emit(session, SebChanged(row.room_id))


def _note(session: Session, signed: Signed, room_id: int, act: str, now: datetime, **facts: object) -> None:
    """On the record of the system, and of the sitting under way there."""
    under_way = open_sitting(session, room_id, now)
    streams = ["system"] + ([audit.sitting_stream(under_way)] if under_way is not None else [])
    for stream in streams:
        told = {**signed.why(), **facts}
        audit.record(session, stream, signed.actor, act, f"room/{room_id}", now=now, **told)


# --- what seats prove ----------------------------------------------------------------------------------


_WANTED = select(SebRoom.room_id).where(SebRoom.room_id == bindparam("room"))


def needed(session: Session, room_id: int) -> SebState:
    """Whether seats of a room have something to prove."""
    wanted = session.scalar(_WANTED, {"room": room_id}) is not None
    return SebState.WANTED if wanted else SebState.NOT_NEEDED


def expected(session: Session, room_id: int) -> Expected | None:
    """What seats of a room must prove, None without SEB."""
    row = session.get(SebRoom, room_id)
    if row is None:
        return None
    return Expected(start_url(row.port), row.config_key, tuple(row.exam_keys or ()))


@dataclass(frozen=True, slots=True)
class SebNews:
    """A seat's proof turned out otherwise than before. `version`: of SEB, as it says."""

    state: SebState
    version: str


def note_proof(
    session: Session, agent: Agent, room_sitting_id: int | None, news: SebNews, *, now: datetime
) -> None:
    """Puts a changed verdict on the record; a wrong one calls the invigilators to the seat."""
    number = session.get_one(Seat, agent.seat).number
    who = Actor(None, f"seat {number}")
    stream = "system" if room_sitting_id is None else audit.sitting_stream(room_sitting_id)
    act = {SebState.GOOD: "seb_proved", SebState.WRONG: "seb_mismatched"}.get(news.state, "seb_left")
    facts = {"seat": number, "workstation": agent.workstation, "version": news.version[:40]}
    audit.record(session, stream, who, act, f"seat/{agent.seat}", now=now, **facts)
    if room_sitting_id is None:
        return
    place = Place(room_sitting_id, agent.seat)
    if news.state is SebState.WRONG:
        raise_incident(session, place, IncidentKind.SEB_MISMATCH, now=now)
    elif news.state is SebState.GOOD:
        clear(session, place, IncidentKind.SEB_MISMATCH, now=now)


class SebSeats:
    """What each workstation has proved since its session began or its room's settings changed.

    Only in memory: after a restart of the server every seat is asked again. `tell` lets other processes of
    it know: a workstation and its state, "" when it began anew.
    """

    def __init__(self, tell: Callable[[int, str], None] = lambda _workstation, _state: None) -> None:
        self._tell = tell
        self._states: dict[int, SebState] = {}
        self._lock = threading.Lock()
        self._all = 0
        self._each: dict[int, int] = {}

    def of(self, workstation: int) -> SebState:
        """What a workstation has proved."""
        return self._states.get(workstation, SebState.WANTED)

    def begun(self, workstation: int) -> tuple[int, int]:
        """How often things were forgotten so far: a verdict that began before must not be kept after."""
        return self._all, self._each.get(workstation, 0)

    def put(self, workstation: int, state: SebState, begun: tuple[int, int]) -> None:
        """Keeps a verdict, unless something was forgotten since `begun`."""
        with self._lock:
            if self.begun(workstation) != begun:
                return
            self._states[workstation] = state
        self._tell(workstation, str(state))

    def forget(self, workstation: int) -> None:
        """The agent began anew: it has to prove again."""
        self.told(workstation, "")
        self._tell(workstation, "")

    def told(self, workstation: int, state: str) -> None:
        """What another process of the server says."""
        with self._lock:
            if state:
                self._states[workstation] = SebState(state)
            else:
                self._each[workstation] = self._each.get(workstation, 0) + 1
                self._states.pop(workstation, None)

    def states(self) -> dict[int, str]:
        """What every workstation has proved, for a process that has just begun."""
        return {workstation: str(state) for workstation, state in self._states.items()}

    def forget_all(self) -> None:
        """The settings of a room have changed."""
        with self._lock:
            self._all += 1
            self._states.clear()


def need_proof(state: SebState) -> None:
    """Raises `Refused` (`seb_required`, `seb_mismatch`) unless the seat may go on."""
    if state is SebState.WANTED:
        raise Refused("seb_required", 403)
    if state is SebState.WRONG:
        raise Refused("seb_mismatch", 403)
