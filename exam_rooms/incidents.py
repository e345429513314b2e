"""What an incident is called, how urgent it is, and how long its cause must hold before it is raised.

An incident is something for a person to look at. It never decides anything about a candidate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType


class IncidentKind(StrEnum):
    """Everything the room can report by itself, and what people put on the list (`SEEN_BY_PEOPLE`)."""

    LINK_LOST = "LINK_LOST"  # no sign of life from a seat's workstation
    CHAIN_FORK = "CHAIN_FORK"  # two different records claim one place in an answer stream; both are kept
    CHAIN_ERROR = "CHAIN_ERROR"  # a record does not continue the one before it
    CLOCK_STEP = "CLOCK_STEP"  # a wall clock jumped; deadlines did not
    CLOCK_UNPROVEN = "CLOCK_UNPROVEN"  # after a reboot nothing tells the time but the hardware clock
    LATE_RECORDS = "LATE_RECORDS"  # records came too late to count; they are kept and shown to the chief
    WRONG_SEAT_SIGN_IN = "WRONG_SEAT_SIGN_IN"  # right ticket, other seat
    NOT_AT_SEAT = "NOT_AT_SEAT"  # the sign-in desk let somebody in who has not come to the seat
    IDENTITY_DENIED = "IDENTITY_DENIED"  # the candidate says that photo or name are not theirs
    JOURNAL_FAILED = "JOURNAL_FAILED"  # a workstation cannot write its journal: answers are not safe there
    WORKSTATION_CHANGED = "WORKSTATION_CHANGED"  # a seat's machine was taken away or exchanged in mid-sitting
    NO_FACE = "NO_FACE"  # nobody is seen at the seat
    MULTI_FACE = "MULTI_FACE"  # a second person sits at the seat
    FACE_MISMATCH = "FACE_MISMATCH"  # the face is not like the enrolled one, by the median of good frames
    CAMERA_COVERED = "CAMERA_COVERED"  # something lies over the lens
    DARK = "DARK"  # too dark, or too much light, to see anybody
    FROZEN = "FROZEN"  # the camera repeats one picture
    CAMERA_LOST = "CAMERA_LOST"  # no pictures come from the camera
    CAMERA_STALLED = "CAMERA_STALLED"  # the camera is there, but its pictures stopped coming
    CAMERA_RESOLUTION = "CAMERA_RESOLUTION"  # the camera gives pictures of another size than it should
    TURNED_AWAY = (
        "TURNED_AWAY"  # the head is turned away from the screen for long, against its own usual place
    )
    GAZE_AWAY = "GAZE_AWAY"  # the eyes look aside for long while the head does not
    TALKING = "TALKING"  # the mouth moves as in talking
    LIVENESS_DOUBT = "LIVENESS_DOUBT"  # perhaps a photo or a film is held before the camera
    PHONE_HINT = "PHONE_HINT"  # something like a telephone in the picture: a hint, never more
    BOOK_HINT = "BOOK_HINT"  # something like a book in the picture: a hint, never more
    PERSON_HINT = "PERSON_HINT"  # a second person without a face in the picture: a hint, never more
    SEAT_SWAP = "SEAT_SWAP"  # the face at this seat is the one enrolled at another seat of the room
    LEFT_SEAT = "LEFT_SEAT"  # the room's camera sees nobody at the seat
    TWO_AT_SEAT = "TWO_AT_SEAT"  # the room's camera sees two people at the seat
    CHANGED_SEAT = "CHANGED_SEAT"  # the room's camera saw somebody move from one seat to another
    ROOM_CAMERA_LOST = "ROOM_CAMERA_LOST"  # no pictures come from the room's camera
    ROOM_CAMERA_MOVED = "ROOM_CAMERA_MOVED"  # the room's camera does not look where it was calibrated
    AGENT_DISAGREES = "AGENT_DISAGREES"  # the server sees something else in a capture than the seat did
    ENROLMENT_DOUBT = "ENROLMENT_DOUBT"  # face at sign-in and registration photo do not clearly agree
    FOCUS_LOST = "FOCUS_LOST"  # the candidate's page is not in front any more
    SECOND_PAGE = "SECOND_PAGE"  # a second window or page of the exam was opened at the seat
    FORBIDDEN_PROCESS = "FORBIDDEN_PROCESS"  # a program of the policy's list runs on the workstation
    USB_DEVICE = "USB_DEVICE"  # a storage or input device was plugged in
    SECOND_SCREEN = "SECOND_SCREEN"  # a second display is connected
    VIRTUAL_MACHINE = "VIRTUAL_MACHINE"  # the workstation is a virtual machine
    SEAT_CLOCK_STEP = "SEAT_CLOCK_STEP"  # somebody set the workstation's clock; time is unaffected
    SEAT_SUSPENDED = "SEAT_SUSPENDED"  # the workstation slept
    SEAT_REBOOTED = "SEAT_REBOOTED"  # the workstation was started anew in mid-sitting
    AGENT_RESTARTED = "AGENT_RESTARTED"  # the seat agent ended and came back in mid-sitting
    BROWSER_RESTARTED = "BROWSER_RESTARTED"  # the kiosk's browser ended or hung and was started again
    KIOSK_OPEN = "KIOSK_OPEN"  # something that the launcher must close is open
    SEB_MISMATCH = "SEB_MISMATCH"  # Safe Exam Browser runs with other settings than the room's
    HAND_RAISED = "HAND_RAISED"  # the candidate calls an invigilator
    BOTH_WROTE = "BOTH_WROTE"  # two workstations wrote answers of one attempt after the seat was changed
    SECOND_SIGN_IN = "SECOND_SIGN_IN"  # a ticket that is signed in already was used at another seat
    PHONE = "PHONE"  # a telephone or another device was seen at the seat
    NOTES = "NOTES"  # notes or printed matter were seen at the seat
    PASSING = "PASSING"  # something was handed from one candidate to another
    DISORDER = "DISORDER"  # somebody disturbs the room or hinders staff
    ID_FORGED = "ID_FORGED"  # a document is false, or belongs to somebody else
    LEAVE_ALLOWED = "LEAVE_ALLOWED"  # the candidate leaves the room with a member of staff, and comes back
    ILLNESS = "ILLNESS"  # the candidate is unwell; may leave and come back
    ITEM_QUERY = "ITEM_QUERY"  # the candidate doubts an item
    SEAT_CHANGE = "SEAT_CHANGE"  # why a candidate was given another seat


class Severity(IntEnum):
    """How soon an invigilator has to look; the greater the sooner, so lists sort worst first by it."""

    INFO = 1  # on the record, no alert
    WARNING = 2  # amber: look when possible
    ALERT = 3  # red: go to the seat now


@dataclass(frozen=True, slots=True)
class IncidentRule:
    """`hold_seconds`: how long the cause must last without a break before the incident is raised."""

    severity: Severity
    hold_seconds: float = 0.0


INCIDENTS: Mapping[IncidentKind, IncidentRule] = MappingProxyType(
    {
        # A reconnect takes about a second; the server looks once a second, and the invigilator should know
        # within three.
        IncidentKind.LINK_LOST: IncidentRule(Severity.WARNING, hold_seconds=1.5),
        IncidentKind.CHAIN_FORK: IncidentRule(Severity.ALERT),
        IncidentKind.CHAIN_ERROR: IncidentRule(Severity.ALERT),
        IncidentKind.CLOCK_STEP: IncidentRule(Severity.WARNING),
        IncidentKind.CLOCK_UNPROVEN: IncidentRule(Severity.ALERT),
        IncidentKind.LATE_RECORDS: IncidentRule(Severity.WARNING),
        IncidentKind.WRONG_SEAT_SIGN_IN: IncidentRule(Severity.WARNING),
        IncidentKind.NOT_AT_SEAT: IncidentRule(Severity.WARNING),
        IncidentKind.IDENTITY_DENIED: IncidentRule(Severity.ALERT),
        IncidentKind.JOURNAL_FAILED: IncidentRule(Severity.ALERT),
        IncidentKind.WORKSTATION_CHANGED: IncidentRule(Severity.ALERT),
        # How long causes seen by a camera must hold is data of the level policy (`watching.EpisodeRule`).
        IncidentKind.NO_FACE: IncidentRule(Severity.ALERT),
        IncidentKind.MULTI_FACE: IncidentRule(Severity.ALERT),
        IncidentKind.FACE_MISMATCH: IncidentRule(Severity.ALERT),
        IncidentKind.CAMERA_COVERED: IncidentRule(Severity.ALERT),
        IncidentKind.DARK: IncidentRule(Severity.WARNING),
        IncidentKind.FROZEN: IncidentRule(Severity.WARNING),
        IncidentKind.CAMERA_LOST: IncidentRule(Severity.ALERT),
        IncidentKind.CAMERA_STALLED: IncidentRule(Severity.ALERT),
        IncidentKind.CAMERA_RESOLUTION: IncidentRule(Severity.WARNING),
        IncidentKind.TURNED_AWAY: IncidentRule(Severity.WARNING),
        IncidentKind.GAZE_AWAY: IncidentRule(Severity.INFO),
        IncidentKind.TALKING: IncidentRule(Severity.INFO),
        IncidentKind.LIVENESS_DOUBT: IncidentRule(Severity.ALERT),
        IncidentKind.PHONE_HINT: IncidentRule(Severity.WARNING),
        IncidentKind.BOOK_HINT: IncidentRule(Severity.WARNING),
        IncidentKind.PERSON_HINT: IncidentRule(Severity.WARNING),
        IncidentKind.SEAT_SWAP: IncidentRule(Severity.ALERT),
        IncidentKind.LEFT_SEAT: IncidentRule(Severity.ALERT),
        IncidentKind.TWO_AT_SEAT: IncidentRule(Severity.WARNING),
        IncidentKind.CHANGED_SEAT: IncidentRule(Severity.ALERT),
        IncidentKind.ROOM_CAMERA_LOST: IncidentRule(Severity.WARNING),
        IncidentKind.ROOM_CAMERA_MOVED: IncidentRule(Severity.WARNING),
        IncidentKind.AGENT_DISAGREES: IncidentRule(Severity.ALERT),
        IncidentKind.ENROLMENT_DOUBT: IncidentRule(Severity.WARNING),
        # Whether a breach also covers the paper is data of the level policy.
        IncidentKind.FOCUS_LOST: IncidentRule(Severity.WARNING),
        IncidentKind.SECOND_PAGE: IncidentRule(Severity.WARNING),
        IncidentKind.FORBIDDEN_PROCESS: IncidentRule(Severity.ALERT),
        IncidentKind.USB_DEVICE: IncidentRule(Severity.ALERT),
        IncidentKind.SECOND_SCREEN: IncidentRule(Severity.ALERT),
        IncidentKind.VIRTUAL_MACHINE: IncidentRule(Severity.WARNING),
        IncidentKind.SEAT_CLOCK_STEP: IncidentRule(Severity.WARNING),
        IncidentKind.SEAT_SUSPENDED: IncidentRule(Severity.WARNING),
        IncidentKind.SEAT_REBOOTED: IncidentRule(Severity.WARNING),
        IncidentKind.AGENT_RESTARTED: IncidentRule(Severity.WARNING),
        IncidentKind.BROWSER_RESTARTED: IncidentRule(Severity.WARNING),
        IncidentKind.KIOSK_OPEN: IncidentRule(Severity.ALERT),
        IncidentKind.SEB_MISMATCH: IncidentRule(Severity.ALERT),
        IncidentKind.HAND_RAISED: IncidentRule(Severity.WARNING),
        IncidentKind.BOTH_WROTE: IncidentRule(Severity.ALERT),
        IncidentKind.SECOND_SIGN_IN: IncidentRule(Severity.ALERT),
        # What a person saw needs no holding; what is only logged calls nobody.
        IncidentKind.PHONE: IncidentRule(Severity.ALERT),
        IncidentKind.NOTES: IncidentRule(Severity.ALERT),
        IncidentKind.PASSING: IncidentRule(Severity.ALERT),
        IncidentKind.DISORDER: IncidentRule(Severity.ALERT),
        IncidentKind.ID_FORGED: IncidentRule(Severity.ALERT),
        IncidentKind.LEAVE_ALLOWED: IncidentRule(Severity.INFO),
        IncidentKind.ILLNESS: IncidentRule(Severity.INFO),
        IncidentKind.ITEM_QUERY: IncidentRule(Severity.INFO),
        IncidentKind.SEAT_CHANGE: IncidentRule(Severity.INFO),
    }
)
"""One rule for every kind."""

BREACHES = (
    *(IncidentKind.FOCUS_LOST, IncidentKind.SECOND_PAGE, IncidentKind.FORBIDDEN_PROCESS),
    *(IncidentKind.USB_DEVICE, IncidentKind.SECOND_SCREEN, IncidentKind.VIRTUAL_MACHINE),
    *(IncidentKind.SEAT_CLOCK_STEP, IncidentKind.SEAT_SUSPENDED, IncidentKind.SEAT_REBOOTED),
    *(IncidentKind.AGENT_RESTARTED, IncidentKind.BROWSER_RESTARTED, IncidentKind.KIOSK_OPEN),
)
"""What a seat's agent may report of its own workstation (`BreachNote.kind`)."""
LASTING_BREACHES = frozenset(
    {
        *(IncidentKind.FOCUS_LOST, IncidentKind.FORBIDDEN_PROCESS, IncidentKind.USB_DEVICE),
        *(IncidentKind.SECOND_SCREEN, IncidentKind.VIRTUAL_MACHINE, IncidentKind.KIOSK_OPEN),
    }
)
"""Breaches whose cause goes on until it is told to be gone; the others happen in one moment."""

SEEN_BY_PEOPLE = (
    *(IncidentKind.PHONE, IncidentKind.NOTES, IncidentKind.PASSING, IncidentKind.DISORDER),
    *(IncidentKind.ID_FORGED, IncidentKind.LEAVE_ALLOWED, IncidentKind.ILLNESS),
    *(IncidentKind.ITEM_QUERY, IncidentKind.SEAT_CHANGE),
)
"""What only a person puts on the list, in the order in which it is offered."""
LEAVES = frozenset({IncidentKind.LEAVE_ALLOWED, IncidentKind.ILLNESS})
"""What may take a candidate out of the room for a while: a going and a coming back."""


def severity(kind: IncidentKind) -> Severity:
    """How urgent a kind is."""
    return INCIDENTS[kind].severity


HELD = tuple(kind for kind, rule in INCIDENTS.items() if rule.hold_seconds)
"""Kinds whose cause must last; how long is data of the level policy, as usual where it says nothing."""


def holds_long_enough(kind: IncidentKind, seconds: float, hold: float | None = None) -> bool:
    """Whether a cause that has lasted `seconds` becomes an incident; `hold`: the policy's own time."""
    return seconds >= (INCIDENTS[kind].hold_seconds if hold is None else hold)
