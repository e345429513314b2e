"""What an incident is called, how urgent it is, and how long its cause must hold before it is raised.

An incident is something for a person to look at. It never decides anything about a candidate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType


class IncidentKind(StrEnum):
    """Everything the room can report by itself."""

    LINK_LOST = "LINK_LOST"  # no sign of life from a seat's workstation
    CHAIN_FORK = "CHAIN_FORK"  # two different records claim one place in an answer stream; both are kept
    CHAIN_ERROR = "CHAIN_ERROR"  # a record does not continue the one before it
    CLOCK_STEP = "CLOCK_STEP"  # a wall clock jumped; deadlines did not
    CLOCK_UNPROVEN = "CLOCK_UNPROVEN"  # after a reboot nothing tells the time but the hardware clock
    LATE_RECORDS = "LATE_RECORDS"  # records came too late to count; they are kept and shown to the chief
    WRONG_SEAT_SIGN_IN = "WRONG_SEAT_SIGN_IN"  # right ticket, other seat
    IDENTITY_DENIED = "IDENTITY_DENIED"  # the candidate says that photo or name are not theirs
    JOURNAL_FAILED = "JOURNAL_FAILED"  # a workstation cannot write its journal: answers are not safe there
    WORKSTATION_CHANGED = "WORKSTATION_CHANGED"  # a seat's machine was taken away or exchanged in mid-sitting
    NO_FACE = "NO_FACE"  # nobody is seen at the seat
    MULTI_FACE = "MULTI_FACE"  # a second person sits at the seat
    FACE_MISMATCH = "FACE_MISMATCH"  # the face is not like the enrolled one, by the median of good frames
    CAMERA_COVERED = "CAMERA_COVERED"  # something lies over the lens
    DARK = "DARK"  # too dark to see anybody
    FROZEN = "FROZEN"  # the camera repeats one picture
    CAMERA_LOST = "CAMERA_LOST"  # no pictures come from the camera
    AGENT_DISAGREES = "AGENT_DISAGREES"  # the server sees something else in a capture than the seat did
    ENROLMENT_DOUBT = "ENROLMENT_DOUBT"  # face at sign-in and registration photo do not clearly agree


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
        # A reconnect takes about a second; the invigilator should know within three.
        IncidentKind.LINK_LOST: IncidentRule(Severity.WARNING, hold_seconds=2.0),
        IncidentKind.CHAIN_FORK: IncidentRule(Severity.ALERT),
        IncidentKind.CHAIN_ERROR: IncidentRule(Severity.ALERT),
        IncidentKind.CLOCK_STEP: IncidentRule(Severity.WARNING),
        IncidentKind.CLOCK_UNPROVEN: IncidentRule(Severity.ALERT),
        IncidentKind.LATE_RECORDS: IncidentRule(Severity.WARNING),
        IncidentKind.WRONG_SEAT_SIGN_IN: IncidentRule(Severity.WARNING),
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
        IncidentKind.AGENT_DISAGREES: IncidentRule(Severity.ALERT),
        IncidentKind.ENROLMENT_DOUBT: IncidentRule(Severity.WARNING),
    }
)
"""One rule for every kind."""


def severity(kind: IncidentKind) -> Severity:
    """How urgent a kind is."""
    return INCIDENTS[kind].severity


def holds_long_enough(kind: IncidentKind, seconds: float) -> bool:
    """Whether a cause that has lasted `seconds` becomes an incident."""
    return seconds >= INCIDENTS[kind].hold_seconds
