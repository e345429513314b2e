"""Reading a profile's text: every field checked, every fault with its path, nothing guessed."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from itembank.blueprint_reading import Reader, parse
from itembank.problems import Problem
from server.rules.policy_breaches import read_breaches
from server.rules.policy_challenge import read_challenge
from server.rules.policy_checks import read_checks
from server.rules.policy_components import DELIVERED, ComponentPlan, Rounding, Scale
from server.rules.policy_components_reading import read_components, read_exemptions, read_results
from server.rules.policy_desk import read_desk
from server.rules.policy_gates import read_gates
from server.rules.policy_outage import read_outage
from server.rules.policy_record import read_record
from server.rules.policy_room_camera import read_room_camera
from server.rules.policy_swap import read_swap
from server.rules.policy_targets import read_targets
from server.rules.policy_tools import read_tools
from server.rules.policy_values import (
    KEEP_DAYS,
    Delivery,
    Invigilators,
    Level,
    Occupation,
    Papers,
    Profile,
    Release,
    RoomLimits,
    Source,
    Terms,
)
from server.rules.policy_violations import read_incidents, read_violations
from server.rules.policy_watching import read_watching

BASES_DEEP = 4  # profiles standing on profiles; more is a circle
MINUTES = (0, 24 * 60)
KEPT_DAYS = (0, 100 * 366)
END = "end"
_NONE: Mapping[str, str] = MappingProxyType({})
_TOP = (
    *("profile", "base", "title", "version", "effective", "rehearsal", "scale", "components", "allowed"),
    *("late_entry_minutes", "earliest_submit_minutes", "entry_opens_minutes", "grace_seconds"),
    *("link_gap_max_minutes", "release", "invigilators", "papers", "delivery", "rooms", "watching"),
    *("tools", "checks", "gates", "outage", "breaches", "desk", "record", "occupations", "sources"),
    *("incidents", "violations", "seat_swap", "challenge", "room_camera", "targets"),
    *("exemptions", "results"),
)


def load_profile(text: str, bases: Mapping[str, str] = _NONE) -> Profile | list[Problem]:
    """A profile, or every fault of its text with the path of the field ("scale.pass").

    `bases`: the texts of the profiles it may stand on, by name.
    """
    data = _with_base(text, bases, BASES_DEEP)
    if isinstance(data, Problem):
        return [data]
    read = _Reader()
    fields = read.mapping(data, "", _TOP)
    profile = _profile(read, fields)
    return read.problems or profile


def _with_base(text: str, bases: Mapping[str, str], depth: int) -> Mapping[object, object] | Problem:
    data = parse(text)
    if isinstance(data, Problem):
        return Problem("profile_not_readable", data.place, data.params)
    if not isinstance(data, Mapping):
        return Problem("profile_not_readable", "", {"detail": "not a mapping"})
    base = data.get("base")
    if base is None:
        return data
    if str(base) not in bases or depth == 0:
        return Problem("unknown_base", "base", {"base": str(base)})
    below = _with_base(bases[str(base)], bases, depth - 1)
    return below if isinstance(below, Problem) else _merged(below, data)


def _merged(below: Mapping[object, object], above: Mapping[object, object]) -> dict[object, object]:
    """`above` over `below`: mappings are merged key by key, everything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _merged(old, value)
        result[key] = value
    return result


class _Reader(Reader):
    """The blueprint's reader plus what profiles need: choices, days, yes/no that must be said."""

    def said(self, fields: Mapping[str, object], key: str, path: str) -> bool:
        """Yes or no; absent is a fault."""
        value = fields.get(key)
        if not isinstance(value, bool):
            self.add("missing_value" if value is None else "not_yes_or_no", f"{path}.{key}", value=str(value))
        return value is True

    def choice(self, value: object, path: str, choices: tuple[str, ...]) -> str:
        """One of some words."""
        if str(value) not in choices:
            self.add("not_allowed", path, value=str(value), allowed="、".join(choices))
            return choices[0]
        return str(value)

    def day(self, fields: Mapping[str, object], key: str, path: str) -> date | None:
        """A day, as YAML's own type or as ISO text; absent is None."""
        value = fields.get(key)
        if value is None or type(value) is date:
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.add("not_a_day", f"{path}.{key}", value=str(value)[:40])
            return None

    def metres(self, fields: Mapping[str, object], key: str, path: str) -> float:
        """A length in metres."""
        return float(self.decimal(fields, key, path))


def _profile(read: _Reader, fields: Mapping[str, object]) -> Profile:
    effective = read.mapping(fields.get("effective", {}), "effective", ("from", "to"))
    terms = _terms(read, fields)
    components = read_components(
        read, fields.get("components"), terms.scale, lambda data, path: _scale(read, data, path)
    )
    occupations = _occupations(read, fields.get("occupations"))
    _check_levels(read, occupations, components)
    _check_totals(read, terms.papers, components)
    return Profile(
        name=read.text(fields, "profile"),
        title=read.text(fields, "title"),
        version=read.whole(fields, "version", bounds=(1, 10_000)),
        rehearsal=read.flag(fields, "rehearsal"),
        effective_from=read.day(effective, "from", "effective"),
        effective_to=read.day(effective, "to", "effective"),
        terms=terms,
        rooms=_rooms(read, fields.get("rooms")),
        components=components,
        exemptions=read_exemptions(read, fields.get("exemptions")),
        occupations=occupations,
        sources=_sources(read, fields.get("sources")),
    )


def _terms(read: _Reader, fields: Mapping[str, object]) -> Terms:
    keys = ("late_entry_minutes", "earliest_submit_minutes")
    allowed = read.mapping(fields.get("allowed"), "allowed", keys)
    late = _chosen(read, fields, "late_entry_minutes", allowed)
    if fields.get("late_entry_minutes") == END:
        read.add("not_a_whole_number", "late_entry_minutes", value=END)
    scale = _scale(read, fields.get("scale"), "scale")
    return Terms(
        scale=scale,
        late_entry_minutes=late or 0,
        earliest_submit_minutes=_chosen(read, fields, "earliest_submit_minutes", allowed),
        entry_opens_minutes=read.whole(fields, "entry_opens_minutes", bounds=MINUTES),
        grace_seconds=read.whole(fields, "grace_seconds", bounds=(0, 60)),
        link_gap_max_minutes=read.whole(fields, "link_gap_max_minutes", bounds=MINUTES),
        release=_release(read, fields.get("release")),
        invigilators=_invigilators(read, fields.get("invigilators")),
        papers=_papers(read, fields.get("papers"), scale),
        watching=read_watching(read, fields.get("watching")),
        room_camera=read_room_camera(read, fields.get("room_camera")),
        delivery=_delivery(read, fields.get("delivery", {})),
        tools=read_tools(read, fields.get("tools")),
        checks=read_checks(read, fields.get("checks")),
        gates=read_gates(read, fields.get("gates")),
        outage=read_outage(read, fields.get("outage")),
        breaches=read_breaches(read, fields.get("breaches")),
        record=read_record(read, fields.get("record")),
        desk=read_desk(read, fields.get("desk")),
        seat_swap=read_swap(read, fields.get("seat_swap")),
        challenge=read_challenge(read, fields.get("challenge")),
        targets=read_targets(read, fields.get("targets")),
        incidents=read_incidents(read, fields.get("incidents")),
        violations=read_violations(read, fields.get("violations")),
        results=read_results(read, fields.get("results")),
    )


def _check_levels(
    read: _Reader, occupations: Mapping[str, Occupation], components: tuple[ComponentPlan, ...]
) -> None:
    """A level that nothing is held at could only be passed by everybody."""
    if not components:
        return
    for occupation in occupations.values():
        for level in occupation.levels:
            if not any(plan.at(level) for plan in components):
                read.add("level_without_component", f"occupations.{occupation.key}.levels.{level}")


def _check_totals(read: _Reader, papers: Papers, components: tuple[ComponentPlan, ...]) -> None:
    """What is sat at a seat is a paper: its scale ends where the paper's points do."""
    for plan in components:
        at_seats = any(method in DELIVERED for methods in plan.methods.values() for method in methods)
        if at_seats and plan.scale.max != papers.total and not read.problems:
            where = f"components.{plan.component}.scale.max"
            read.add("not_allowed", where, value=str(plan.scale.max), allowed=str(papers.total))


def _chosen(
    read: _Reader, fields: Mapping[str, object], key: str, allowed: Mapping[str, object]
) -> int | None:
    """Minutes out of the profile's own list; the word "end" (only where listed) is None."""
    choices = read.entries(allowed.get(key), f"allowed.{key}", required=True)
    value = fields.get(key)
    if value is None:
        read.add("missing_value", key)
    elif value not in choices or isinstance(value, bool):
        read.add("not_allowed", key, value=str(value), allowed="、".join(str(each) for each in choices))
    elif value != END:
        return read.whole(fields, key, bounds=MINUTES)
    return None


def _scale(read: _Reader, data: object, path: str) -> Scale:
    fields = read.mapping(data, path, ("max", "pass", "inclusive", "rounding"))
    most, pass_mark = read.decimal(fields, "max", path), read.decimal(fields, "pass", path)
    if fields and pass_mark > most:
        read.add("number_out_of_range", f"{path}.pass", value=str(pass_mark), low="0", high=str(most))
    rounding = read.choice(fields.get("rounding"), f"{path}.rounding", tuple(Rounding))
    return Scale(most, pass_mark, read.said(fields, "inclusive", path), Rounding(rounding))


def _release(read: _Reader, data: object) -> Release:
    fields = read.mapping(data, "release", ("minutes_before", "persons", "different_roles", "custodians"))
    persons = read.whole(fields, "persons", "release", bounds=(2, 2))
    return Release(
        minutes_before=read.whole(fields, "minutes_before", "release", bounds=MINUTES),
        persons=persons,
        different_roles=read.said(fields, "different_roles", "release"),
        custodians=read.whole(fields, "custodians", "release", bounds=(persons, 10)),
    )


def _invigilators(read: _Reader, data: object) -> Invigilators:
    fields = read.mapping(data, "invigilators", ("minimum", "candidates_per"))
    minimum = read.whole(fields, "minimum", "invigilators", bounds=(1, 20))
    return Invigilators(minimum, read.whole(fields, "candidates_per", "invigilators", bounds=(1, 1000)))


def _papers(read: _Reader, data: object, scale: Scale) -> Papers:
    fields = read.mapping(data, "papers", ("total", "wrong_deducts", "keep_days"))
    total = read.decimal(fields, "total", "papers")
    if fields and total != scale.max:
        read.add("not_allowed", "papers.total", value=str(total), allowed=str(scale.max))
    if read.said(fields, "wrong_deducts", "papers"):
        read.add("not_allowed", "papers.wrong_deducts", value="true", allowed="false")
    named = "keep_days" in fields
    kept = read.whole(fields, "keep_days", "papers", bounds=KEPT_DAYS) if named else KEEP_DAYS
    return Papers(total, wrong_deducts=False, keep_days=kept)


def _delivery(read: _Reader, data: object) -> Delivery:
    keys = ("shuffle_items", "shuffle_options")
    fields = read.mapping(data, "delivery", keys)
    return Delivery(**{name: read.said(fields, name, "delivery") for name in keys if name in fields})


def _rooms(read: _Reader, data: object) -> RoomLimits:
    keys = ("standard_max_seats", "smart_max_seats", "practical_max_seats")
    fields = read.mapping(data, "rooms", (*keys, "smallest_gap_metres", "seats_per_spare"))
    return RoomLimits(
        standard_max_seats=read.whole(fields, "standard_max_seats", "rooms", bounds=(1, 1000)),
        smart_max_seats=read.whole(fields, "smart_max_seats", "rooms", bounds=(1, 1000)),
        practical_max_seats=read.whole(fields, "practical_max_seats", "rooms", bounds=(1, 1000)),
        smallest_gap_metres=read.metres(fields, "smallest_gap_metres", "rooms"),
        seats_per_spare=read.whole(fields, "seats_per_spare", "rooms", bounds=(1, 1000)),
    )


def _occupations(read: _Reader, data: object) -> Mapping[str, Occupation]:
    if not isinstance(data, Mapping) or not data:
        read.add("missing_value", "occupations")
        return {}
    # One whose entry is null is taken away from the profile below.
    held = {str(key): entry for key, entry in data.items() if entry is not None}
    return {key: _occupation(read, key, entry) for key, entry in held.items()}


def _occupation(read: _Reader, key: str, data: object) -> Occupation:
    path = f"occupations.{key}"
    fields = read.mapping(data, path, ("code", "name", "levels"))
    entries = read.mapping(fields.get("levels"), f"{path}.levels", ("1", "2", "3", "4", "5"))
    levels = {}
    for number, entry in entries.items():
        place = f"{path}.levels.{number}"
        level = read.mapping(entry, place, ("name", "opened"))
        if number.isdecimal():
            levels[int(number)] = Level(read.text(level, "name", place), read.day(level, "opened", place))
    return Occupation(key, read.text(fields, "code", path), read.text(fields, "name", path), levels)


def _sources(read: _Reader, data: object) -> tuple[Source, ...]:
    result = []
    for place, entry in enumerate(read.entries(data, "sources")):
        path = f"sources[{place}]"
        fields = read.mapping(entry, path, ("id", "title", "effective", "expires"))
        days = read.day(fields, "effective", path), read.day(fields, "expires", path)
        result.append(Source(read.text(fields, "id", path), read.text(fields, "title", path), *days))
    return tuple(result)
