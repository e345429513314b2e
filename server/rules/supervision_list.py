"""What an internal quality supervisor looks at in a sitting: the items in the order of the day, as data.

The words of an item stand under `supervise_<item>` among the messages.
"""

from dataclasses import dataclass
from enum import StrEnum


class SupervisionPhase(StrEnum):
    """When an item is looked at."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class SupervisionItem:
    """One line of the checklist."""

    code: str
    phase: SupervisionPhase


_CODES = {
    SupervisionPhase.BEFORE: (
        "staff_present",  # everybody assigned signed in, cards checked
        "recusal_kept",  # nobody serves who has to stand back
        "ratio_kept",  # invigilators present for the candidates
        "seating_locked",  # seating drawn, locked, notices up
        "machines_signed",  # the system administrator's sheet is signed
        "cameras_on",  # cameras of the room record
        "package_sealed",  # the paper was opened by two people in its time
        "rules_read",  # rules and pledge
    ),
    SupervisionPhase.DURING: (
        "identity_checked",  # ID and face or two staff
        "started_on_time",
        "late_door_kept",  # late candidates by the rule
        "incidents_handled",  # alerts seen to, warnings first
        "time_credits_right",  # credits with reason and the chief
        "discipline_kept",  # staff neither answer, hint nor use phones
    ),
    SupervisionPhase.AFTER: (
        "all_collected",  # expected = handed in + absent + void
        "record_signed",  # room record filled and signed
        "papers_returned",  # printed papers counted back
        "violations_by_rule",  # procedure of cases
        "archive_complete",  # dossier handed over
    ),
}

ITEMS: tuple[SupervisionItem, ...] = tuple(
    SupervisionItem(code, phase) for phase, codes in _CODES.items() for code in codes
)
RESULTS = ("good", "fault", "none")
"""An item is in order, is not, or does not apply."""
