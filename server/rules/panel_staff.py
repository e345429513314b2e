"""Who may sit on a panel of examiners: how many (R05, R07), with which card (R14), how often (R15).

The rules are the policy's (`PanelRules`); recusal (R16) is in `rules.recusal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from itembank.problems import Param, Problem
from server.rules.policy_components import PanelRules

SENIOR = "senior_examiner"


@dataclass(frozen=True, slots=True)
class Member:
    """One examiner of a panel as the rules look at them.

    `valid_to`: last day of the card, None for no limit. `consecutive`: panels in a row at this institution,
    this one counted. `new`: was not on the panel before this one.
    """

    user: int
    name: str
    card_grade: str = ""
    valid_to: date | None = None
    consecutive: int = 1
    new: bool = True


def examiners_needed(at_once: int, rules: PanelRules) -> int:
    """How many examiners a panel needs for so many candidates who perform at once (R05, R07).

    The ratio may come to an even number (16 candidates at 1:5 make 4); a panel that has to be odd then takes
    one more.
    """
    ratio = -(-at_once // rules.candidates_per) if rules.candidates_per else 0
    needed = max(rules.minimum, ratio)
    return needed + 1 if rules.odd and needed % 2 == 0 else needed


def panel_faults(members: Sequence[Member], at_once: int, rules: PanelRules, on: date) -> list[Problem]:
    """Why these people may not assess on a day; empty when they may. The places are user ids."""
    faults = []
    needed, count = examiners_needed(at_once, rules), len(members)
    rule = "R05" if rules.candidates_per else "R07"
    if count < needed:
        faults.append(Problem("panel_too_small", "", {"count": count, "needed": needed, "rule": rule}))
    elif rules.odd and count % 2 == 0:
        faults.append(Problem("panel_even", "", {"count": count, "rule": rule}))
    for member in members:
        if rules.card_grades and member.card_grade not in rules.card_grades:
            code = "panel_grade_senior" if rules.card_grades == (SENIOR,) else "panel_grade"
            faults.append(Problem(code, str(member.user), {"name": member.name, "rule": "R14"}))
        if member.valid_to is not None and member.valid_to < on:
            until = {"name": member.name, "valid_to": str(member.valid_to)}
            faults.append(Problem("panel_card_expired", str(member.user), until))
    return faults


def panel_warnings(members: Sequence[Member], rules: PanelRules) -> list[Problem]:
    """What is worth a look and stops nobody (R15): the same people again and again."""
    warnings = []
    most, share = rules.consecutive_most, rules.renew_one_in
    for member in members:
        if most and member.consecutive > most:
            said: dict[str, Param] = {
                "name": member.name,
                "count": member.consecutive,
                "most": most,
                "rule": "R15",
            }
            warnings.append(Problem("panel_again", str(member.user), said))
    new = sum(member.new for member in members)
    if share and new * share < len(members):
        counts: dict[str, Param] = {"new": new, "count": len(members), "one_in": share, "rule": "R15"}
        warnings.append(Problem("panel_unchanged", "", counts))
    return warnings
