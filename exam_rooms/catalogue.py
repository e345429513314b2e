"""What staff do first about each kind of incident, and which articles a person may choose after confirming.

Articles are named by class and item ("6-1") as the policy's list names them; where an institution has other
articles, those of its list are offered. No article follows from an incident by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from exam_rooms.incidents import SEEN_BY_PEOPLE, IncidentKind


class Raiser(StrEnum):
    """Who puts a kind on the list."""

    SYSTEM = "system"  # the server or a seat's agent
    STAFF = "staff"  # a person who saw it


class FirstAction(StrEnum):
    """What to do first."""

    LOOK = "look"  # look, then warn
    GO = "go"  # go to the seat
    CHECK_ID = "check_id"  # identity is checked again by two members of staff
    FIX_CAMERA = "fix_camera"
    WARN = "warn"  # tell the candidate to stop
    SECURE = "secure"  # stop it and secure the evidence
    REPAIR = "repair"  # a matter of machines: minutes are counted
    NOTE = "note"  # on the record, nothing else


@dataclass(frozen=True, slots=True)
class Entry:
    """`articles`: what may be chosen after a person confirmed it; empty: none by itself.

    `needs_seat`: it is always about one candidate.
    """

    first: FirstAction
    articles: tuple[str, ...] = ()
    raiser: Raiser = Raiser.SYSTEM
    needs_seat: bool = True


_K = IncidentKind
_REPAIR = Entry(FirstAction.REPAIR)
_CAMERA = Entry(FirstAction.FIX_CAMERA, ("6-8", "6-9"))
_BREACH = Entry(FirstAction.WARN, ("6-9",))


def _seen(first: FirstAction, *articles: str, needs_seat: bool = True) -> Entry:
    return Entry(first, articles, Raiser.STAFF, needs_seat)


CATALOGUE: Mapping[IncidentKind, Entry] = MappingProxyType(
    {
        **dict.fromkeys(
            (_K.LINK_LOST, _K.CLOCK_STEP, _K.CLOCK_UNPROVEN, _K.JOURNAL_FAILED, _K.WORKSTATION_CHANGED),
            _REPAIR,
        ),
        **dict.fromkeys((_K.CHAIN_FORK, _K.CHAIN_ERROR, _K.BOTH_WROTE, _K.CAMERA_LOST), _REPAIR),
        **dict.fromkeys((_K.SEAT_REBOOTED, _K.AGENT_RESTARTED, _K.BROWSER_RESTARTED), _REPAIR),
        **dict.fromkeys((_K.SEAT_SUSPENDED, _K.KIOSK_OPEN, _K.SEB_MISMATCH), _REPAIR),
        _K.LATE_RECORDS: Entry(FirstAction.NOTE, ("6-6",)),
        _K.HAND_RAISED: Entry(FirstAction.GO),
        **dict.fromkeys((_K.WRONG_SEAT_SIGN_IN, _K.NOT_AT_SEAT), Entry(FirstAction.GO, ("6-4",))),
        _K.IDENTITY_DENIED: Entry(FirstAction.CHECK_ID, ("7-3", "8-2")),
        _K.SECOND_SIGN_IN: Entry(FirstAction.CHECK_ID, ("6-9", "8-2")),
        _K.NO_FACE: Entry(FirstAction.LOOK, ("6-4",)),
        _K.MULTI_FACE: Entry(FirstAction.GO, ("7-1", "7-2")),
        _K.FACE_MISMATCH: Entry(FirstAction.CHECK_ID, ("8-2", "6-4")),
        _K.ENROLMENT_DOUBT: Entry(FirstAction.CHECK_ID, ("7-3", "8-2")),
        _K.AGENT_DISAGREES: Entry(FirstAction.LOOK, ("6-9",)),
        **dict.fromkeys((_K.CAMERA_COVERED, _K.DARK, _K.FROZEN), _CAMERA),
        **dict.fromkeys((_K.CAMERA_STALLED, _K.CAMERA_RESOLUTION), _REPAIR),
        **dict.fromkeys((_K.ROOM_CAMERA_LOST, _K.ROOM_CAMERA_MOVED), _REPAIR),
        **dict.fromkeys((_K.GAZE_AWAY, _K.TALKING), Entry(FirstAction.NOTE)),
        **dict.fromkeys(
            (_K.TURNED_AWAY, _K.PHONE_HINT, _K.BOOK_HINT, _K.PERSON_HINT), Entry(FirstAction.LOOK)
        ),
        _K.LIVENESS_DOUBT: Entry(FirstAction.CHECK_ID, ("7-3", "8-2")),
        _K.SEAT_SWAP: Entry(FirstAction.CHECK_ID, ("6-4", "8-2")),
        **dict.fromkeys((_K.LEFT_SEAT, _K.CHANGED_SEAT), Entry(FirstAction.GO, ("6-4",))),
        _K.TWO_AT_SEAT: Entry(FirstAction.GO, ("7-1", "7-2")),
        **dict.fromkeys((_K.FOCUS_LOST, _K.SECOND_PAGE, _K.FORBIDDEN_PROCESS, _K.USB_DEVICE), _BREACH),
        **dict.fromkeys((_K.SECOND_SCREEN, _K.SEAT_CLOCK_STEP), _BREACH),
        _K.VIRTUAL_MACHINE: Entry(FirstAction.NOTE, ("6-9",)),
        _K.PHONE: _seen(FirstAction.WARN, "6-1", "7-5"),
        _K.NOTES: _seen(FirstAction.SECURE, "6-1", "7-1"),
        _K.PASSING: _seen(FirstAction.SECURE, "7-2"),
        _K.DISORDER: _seen(FirstAction.WARN, "9-1", needs_seat=False),
        _K.ID_FORGED: _seen(FirstAction.CHECK_ID, "7-3", "8-2"),
        _K.LEAVE_ALLOWED: _seen(FirstAction.NOTE),
        _K.ILLNESS: _seen(FirstAction.NOTE),
        _K.ITEM_QUERY: _seen(FirstAction.NOTE, needs_seat=False),
        _K.SEAT_CHANGE: _seen(FirstAction.NOTE),
    }
)
"""One entry for every kind."""
ONLY_LOGGED = frozenset(kind for kind in SEEN_BY_PEOPLE if CATALOGUE[kind].first is FirstAction.NOTE)
"""What a person reports for the record alone: it waits for nobody."""


def articles_after(kinds: tuple[IncidentKind, ...]) -> tuple[str, ...]:
    """The articles that may be chosen after incidents of these kinds were confirmed, each once."""
    return tuple(dict.fromkeys(number for kind in kinds for number in CATALOGUE[kind].articles))
