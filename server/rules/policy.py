"""Level policies: what a certification asks of each component, as data with sources (design D10).

A *profile* is a YAML text (`server/policies/`); it may stand on another one (`base:`) and name only what
differs. A batch takes one `LevelPolicy` out of it and keeps it frozen as JSON.
"""

from dataclasses import fields
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from itembank.problems import InputRefused, Problem
from server.rules.policy_components import Component, ComponentTerms, Rounding, Scale
from server.rules.policy_reading import load_profile
from server.rules.policy_values import LevelPolicy, Profile, RoomLimits, Source, Terms

__all__ = [
    "LevelPolicy",
    "Profile",
    "RoomLimits",
    "check_batch",
    "check_minutes",
    "expired_sources",
    "invigilators_needed",
    "load_profile",
    "passes",
    "policy_for",
]

TOO_SHORT = {
    Component.THEORY: ("theory_too_short", "R03"),
    Component.PRACTICAL: ("practical_too_short", ""),
    Component.REVIEW: ("review_too_short", ""),
}


def check_batch(profile: Profile, occupation: str, level: int, on_date: date) -> list[Problem]:
    """Why a batch of this occupation and level may not be held on a day; empty when it may.

    `occupation` is a key of the profile or a national code. Rule ids stand in the params, so that the
    refusal names its rule.
    """
    known = profile.occupation(occupation)
    if known is None:
        return [Problem("unknown_occupation", "occupation", {"occupation": occupation})]
    if level not in known.levels:
        names = "、".join(str(each) for each in sorted(known.levels, reverse=True))
        where = {"rule": "R09", "occupation": known.name, "level": str(level), "levels": names}
        return [Problem("level_not_in_occupation", "level", where)]
    return _not_in_force(profile, on_date) + _not_open(profile, occupation, level, on_date)


def _not_in_force(profile: Profile, on_date: date) -> list[Problem]:
    begins, ends = profile.effective_from, profile.effective_to
    if (begins and on_date < begins) or (ends and on_date > ends):
        return [Problem("profile_not_in_force", "profile", {"profile": profile.title, "date": str(on_date)})]
    return []


def _not_open(profile: Profile, occupation: str, level: int, on_date: date) -> list[Problem]:
    known = profile.occupation(occupation)
    assert known is not None
    opened = known.levels[level].opened
    if opened is not None and on_date >= opened:
        return []
    where = {"rule": "R08", "occupation": known.name, "level": str(level), "opened": str(opened or "")}
    return [Problem("level_not_open", "level", where)]


def check_minutes(terms: ComponentTerms, minutes: Decimal) -> list[Problem]:
    """Why a component may not last so long; empty when it may (R03 for theory)."""
    if minutes <= 0:
        return [Problem("minutes_not_positive", "minutes", {"minutes": str(minutes)})]
    if minutes < terms.min_minutes:
        code, rule = TOO_SHORT[terms.component]
        said = {"minutes": str(minutes), "least": str(terms.min_minutes), "rule": rule}
        return [Problem(code, "minutes", said)]
    return []


def policy_for(profile: Profile, occupation: str, level: int) -> LevelPolicy:
    """The policy a batch freezes. Raises `InputRefused` for an occupation or level that it lacks."""
    known = profile.occupation(occupation)
    if known is None or level not in known.levels:
        raise InputRefused(*check_batch(profile, occupation, level, date.max))
    held = (plan.at(level) for plan in profile.components)
    return LevelPolicy(
        **{field.name: getattr(profile.terms, field.name) for field in fields(Terms)},
        profile=profile.name,
        profile_version=profile.version,
        rehearsal=profile.rehearsal,
        occupation=known.key,
        occupation_code=known.code,
        occupation_name=known.name,
        level=level,
        level_name=known.levels[level].name,
        components=tuple(terms for terms in held if terms is not None),
        exemptions=tuple(plan.rule for plan in profile.exemptions if level in plan.levels),
        sources=profile.sources,
    )


def invigilators_needed(candidates: int, policy: LevelPolicy) -> int:
    """How many invigilators a room with so many candidates needs (R04); the same for a practical part that is
    held on computers or on paper (R06).
    """
    ratio = -(-candidates // policy.invigilators.candidates_per)
    return max(policy.invigilators.minimum, ratio)


def passes(score: Decimal, scale: Scale) -> bool:
    """Whether a component's score passes (R01). Raises ValueError for a score outside the scale."""
    if not 0 <= score <= scale.max:
        raise ValueError(f"score {score} is outside 0..{scale.max}")
    if scale.rounding is Rounding.HALF_UP:
        score = score.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return score >= scale.pass_mark if scale.inclusive else score > scale.pass_mark


def expired_sources(profile: Profile, on_date: date) -> tuple[Source, ...]:
    """The texts a profile rests on that are no longer in force on a day: worth a warning."""
    return tuple(source for source in profile.sources if source.expired(on_date))
