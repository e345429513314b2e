"""Reading what a profile says of its components: methods by level, panels, exemptions, what follows marks.

A component whose entry is null is not held; a profile that stands on another one takes it away like that.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from itembank.blueprint_reading import Reader
from server.rules.policy_components import (
    ASSESSED,
    Combine,
    Component,
    ComponentPlan,
    ExemptionPlan,
    ExemptionRule,
    Method,
    PanelRules,
    ResultRules,
    RetakeCounts,
    Scale,
    ThirdMark,
    VetoBy,
    VoidItem,
)

COMPONENTS, EXEMPTIONS, RESULTS = "components", "exemptions", "results"
LEVELS = (5, 4, 3, 2, 1)
ALLOWED: Mapping[Component, tuple[Method, ...]] = {
    Component.THEORY: (Method.COMPUTER, Method.PAPER),
    Component.PRACTICAL: (Method.HANDS_ON, Method.SIMULATED, Method.COMPUTER, Method.PAPER),
    Component.REVIEW: (Method.MATERIALS, Method.DEFENCE),
}
EVIDENCE = ("guard_licence",)
ANCHORS = ("exam_date",)
CARD_GRADES = ("examiner", "senior_examiner")
MINUTES = (0, 24 * 60)
EXAMINERS = (1, 15)
DAYS = (0, 366)
CHARACTERS = (0, 100_000)  # of a thesis
_COMPONENT = ("levels", "methods", "min_minutes", "scale", "panel", "least_characters")
_PANEL = (
    *("minimum", "candidates_per", "odd", "card_grades", "consecutive_most", "renew_one_in"),
    *("combine", "decimals", "spread_most", "veto_by"),
)
_RESULTS = (
    *("publicity_days", "report_days", "recheck_days", "reply_days"),
    *("retakes_most", "retake_counts", "void_item", "double_tolerance", "third_mark"),
)
Word = TypeVar("Word", bound=StrEnum)
ReadScale = Callable[[object, str], Scale]


def read_components(
    read: Reader, data: object, scale: Scale, read_scale: ReadScale
) -> tuple[ComponentPlan, ...]:
    """The `components` mapping, theory first. `scale` holds where an entry has none of its own."""
    names = tuple(str(each) for each in Component)
    fields = read.mapping(data, COMPONENTS, names)
    if isinstance(data, Mapping) and not any(entry is not None for entry in fields.values()):
        read.add("missing_value", COMPONENTS)
    return tuple(
        _component(read, Component(name), fields[name], (scale, read_scale))
        for name in names
        if fields.get(name) is not None
    )


def _component(
    read: Reader, component: Component, data: object, scales: tuple[Scale, ReadScale]
) -> ComponentPlan:
    path = f"{COMPONENTS}.{component}"
    fields = read.mapping(data, path, _COMPONENT)
    levels = _levels(read, fields.get("levels"), f"{path}.levels")
    methods = _methods(read, fields.get("methods"), component, levels)
    scale, read_scale = scales
    if fields.get("scale") is not None:
        scale = read_scale(fields["scale"], f"{path}.scale")
    assessed = any(method in ASSESSED for given in methods.values() for method in given)
    if assessed and fields.get("panel") is None:
        read.add("missing_value", f"{path}.panel")
    panel, grades = _panel(read, fields.get("panel"), f"{path}.panel")
    minutes = read.whole(fields, "min_minutes", path, bounds=MINUTES)
    least = "least_characters" in fields
    characters = read.whole(fields, "least_characters", path, bounds=CHARACTERS) if least else 0
    return ComponentPlan(component, methods, minutes, scale, panel, grades, characters)


def _levels(read: Reader, data: object, path: str) -> tuple[int, ...]:
    given = read.entries(data, path, required=True)
    found = tuple(level for level in LEVELS if level in given)
    for place, entry in enumerate(given):
        if entry not in LEVELS or isinstance(entry, bool):
            read.add("not_allowed", f"{path}[{place}]", value=str(entry)[:40], allowed=_listed(LEVELS))
    return found


def _methods(
    read: Reader, data: object, component: Component, levels: tuple[int, ...]
) -> dict[int, tuple[Method, ...]]:
    """By level: a list says the methods of all levels, a mapping the levels of each method."""
    path, allowed = f"{COMPONENTS}.{component}.methods", ALLOWED[component]
    if not isinstance(data, Mapping):
        entries = read.entries(data, path, required=True)
        chosen = [_word(read, entry, f"{path}[{n}]", allowed) for n, entry in enumerate(entries)]
        return {level: tuple(dict.fromkeys(chosen)) for level in levels}
    result: dict[int, list[Method]] = {level: [] for level in levels}
    for name, entry in read.mapping(data, path, tuple(allowed)).items():
        for level in _levels(read, entry, f"{path}.{name}"):
            if level not in levels:
                read.add("not_allowed", f"{path}.{name}", value=str(level), allowed=_listed(levels))
            elif name in allowed:
                result[level].append(Method(name))
    for level, found in result.items():
        if not found:
            read.add("level_without_method", path, level=level)
    return {level: tuple(found) for level, found in result.items()}


def _panel(read: Reader, data: object, path: str) -> tuple[PanelRules, Mapping[int, tuple[str, ...]]]:
    """Its rules, and the card grades by level; where no panel is needed nothing is said."""
    if data is None:
        return PanelRules(), {}
    fields = read.mapping(data, path, _PANEL)
    spread = fields.get("spread_most")
    if isinstance(data, Mapping) and "spread_most" not in fields:
        read.add("missing_value", f"{path}.spread_most")  # null has to be said: no difference is too large
    panel = PanelRules(
        minimum=read.whole(fields, "minimum", path, bounds=EXAMINERS),
        candidates_per=read.whole(fields, "candidates_per", path, bounds=(0, 100)),
        odd=_said(read, fields, "odd", path),
        consecutive_most=read.whole(fields, "consecutive_most", path, bounds=(0, 100)),
        renew_one_in=read.whole(fields, "renew_one_in", path, bounds=(0, 15)),
        combine=_word(read, fields.get("combine"), f"{path}.combine", tuple(Combine)),
        decimals=read.whole(fields, "decimals", path, bounds=(0, 3)),
        spread_most=None if spread is None else read.decimal(fields, "spread_most", path),
        veto_by=_word(read, fields.get("veto_by"), f"{path}.veto_by", tuple(VetoBy)),
    )
    if isinstance(data, Mapping) and panel.odd and panel.minimum % 2 == 0:
        read.add("panel_minimum_even", f"{path}.minimum", value=panel.minimum)
    return panel, _grades(read, fields.get("card_grades"), f"{path}.card_grades")


def _grades(read: Reader, data: object, path: str) -> Mapping[int, tuple[str, ...]]:
    """Card grades by level (R14); a level that is not named takes any card."""
    if data is None:
        return {}
    result = {}
    for name, entry in read.mapping(data, path, tuple(str(level) for level in LEVELS)).items():
        grades = tuple(str(each) for each in read.entries(entry, f"{path}.{name}"))
        for place, grade in enumerate(grades):
            if grade not in CARD_GRADES:
                allowed = _listed(CARD_GRADES)
                read.add("not_allowed", f"{path}.{name}[{place}]", value=grade[:40], allowed=allowed)
        if name.isdecimal():
            result[int(name)] = grades
    return result


def read_exemptions(read: Reader, data: object) -> tuple[ExemptionPlan, ...]:
    """The `exemptions` list; empty when nobody is exempt."""
    plans = []
    for place, entry in enumerate(read.entries(data, EXEMPTIONS)):
        path = f"{EXEMPTIONS}[{place}]"
        fields = read.mapping(entry, path, ("component", "levels", "evidence", "within_years", "anchor"))
        rule = ExemptionRule(
            component=_word(read, fields.get("component"), f"{path}.component", tuple(Component)),
            evidence=_one_of(read, fields.get("evidence"), f"{path}.evidence", EVIDENCE),
            within_years=read.whole(fields, "within_years", path, bounds=(1, 50)),
            anchor=_one_of(read, fields.get("anchor"), f"{path}.anchor", ANCHORS),
        )
        plans.append(ExemptionPlan(rule, _levels(read, fields.get("levels"), f"{path}.levels")))
    return tuple(plans)


def read_results(read: Reader, data: object) -> ResultRules:
    """The `results` mapping; publicity is never shorter than five working days (R34)."""
    fields = read.mapping(data, RESULTS, _RESULTS)
    return ResultRules(
        publicity_days=read.whole(fields, "publicity_days", RESULTS, bounds=(5, 366)),
        report_days=read.whole(fields, "report_days", RESULTS, bounds=DAYS),
        recheck_days=read.whole(fields, "recheck_days", RESULTS, bounds=DAYS),
        reply_days=read.whole(fields, "reply_days", RESULTS, bounds=DAYS),
        retakes_most=read.whole(fields, "retakes_most", RESULTS, bounds=(0, 20)),
        retake_counts=_word(
            read, fields.get("retake_counts"), f"{RESULTS}.retake_counts", tuple(RetakeCounts)
        ),
        void_item=_word(read, fields.get("void_item"), f"{RESULTS}.void_item", tuple(VoidItem)),
        double_tolerance=_points(read, fields),
        third_mark=_word(read, fields.get("third_mark"), f"{RESULTS}.third_mark", tuple(ThirdMark)),
    )


def _points(read: Reader, fields: Mapping[str, object]) -> Decimal:
    """Points from 0; zero sends every difference to a third marker."""
    value = fields.get("double_tolerance")
    if type(value) is int and value == 0:
        return Decimal(0)
    return read.decimal(fields, "double_tolerance", RESULTS)


def _said(read: Reader, fields: Mapping[str, object], key: str, path: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):
        code = "missing_value" if value is None else "not_yes_or_no"
        read.add(code, f"{path}.{key}", value=str(value)[:40])
    return value is True


def _word(read: Reader, value: object, path: str, choices: tuple[Word, ...]) -> Word:
    return type(choices[0])(_one_of(read, value, path, choices))


def _one_of(read: Reader, value: object, path: str, choices: tuple[str, ...]) -> str:
    if str(value) in choices:
        return str(value)
    if value is None:
        read.add("missing_value", path)
    else:
        read.add("not_allowed", path, value=str(value)[:40], allowed=_listed(choices))
    return choices[0]


def _listed(values: tuple[object, ...]) -> str:
    return "、".join(str(each) for each in values)
