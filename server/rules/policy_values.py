"""The values of a level policy: frozen, and plain enough to be stored as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from exam_rooms.challenge import ChallengeRules
from exam_rooms.clock import LateRule, Schedule
from exam_rooms.kiosk_messages import PageTools
from exam_rooms.room_watching import RoomCameraRules
from exam_rooms.watching import WatchRules
from exam_rooms.wire import decode
from server.rules.policy_breaches import BreachRules
from server.rules.policy_checks import CheckRules
from server.rules.policy_components import (
    Component,
    ComponentPlan,
    ComponentTerms,
    ExemptionPlan,
    ExemptionRule,
    ResultRules,
    Scale,
)
from server.rules.policy_desk import DeskRules
from server.rules.policy_gates import GateRules
from server.rules.policy_outage import OutageRules
from server.rules.policy_record import RecordRules
from server.rules.policy_swap import SwapRules
from server.rules.policy_targets import TargetRules
from server.rules.policy_violations import IncidentRules, ViolationRules

KEEP_DAYS = 1827
"""What holds for a profile that names no `papers.keep_days`: five years."""


@dataclass(frozen=True, slots=True)
class Release:
    """Who may open a sealed paper, and how many minutes before the start at the earliest."""

    minutes_before: int
    persons: int
    different_roles: bool
    custodians: int


@dataclass(frozen=True, slots=True)
class Invigilators:
    """At least `minimum` in a room, and one for every `candidates_per` candidates."""

    minimum: int
    candidates_per: int


@dataclass(frozen=True, slots=True)
class Papers:
    """Total points of a paper; whether a wrong answer takes points away.

    `keep_days`: how long a sealed package is kept after its room was marked, for remarking and appeals.
    """

    total: Decimal
    wrong_deducts: bool
    keep_days: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """Whether each candidate sees questions (within their section) and options in an order of their own."""

    shuffle_items: bool = True
    shuffle_options: bool = True


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """What a room plan must keep to: seats by kind of room, metres between them, seats for each spare one."""

    standard_max_seats: int
    smart_max_seats: int
    practical_max_seats: int
    smallest_gap_metres: float
    seats_per_spare: int


@dataclass(frozen=True, slots=True)
class Source:
    """A text that a profile rests on, with the days between which it is in force."""

    id: str
    title: str
    effective: date | None = None
    expires: date | None = None

    def expired(self, on_date: date) -> bool:
        """Whether it is no longer in force on a day."""
        return self.expires is not None and self.expires < on_date

    @classmethod
    def from_json(cls, data: str | Mapping[str, Any]) -> "Source":
        """Out of a frozen policy; a batch of earlier days kept the title alone."""
        if isinstance(data, str):
            return cls("", data)
        days = (date.fromisoformat(data[key]) if data[key] else None for key in ("effective", "expires"))
        return cls(data["id"], data["title"], *days)


@dataclass(frozen=True, slots=True)
class Level:
    """A level of an occupation; `opened` is the first day on which a batch may be held, None never."""

    name: str
    opened: date | None


@dataclass(frozen=True, slots=True)
class Occupation:
    """An occupation of the national list with the levels it has (5 lowest, 1 highest)."""

    key: str
    code: str
    name: str
    levels: Mapping[int, Level]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of what is sat at a seat, and what follows the marks.

    `scale` is that of a component without one of its own. `earliest_submit_minutes` None: nobody hands in
    before the end.
    `watching` None: a batch frozen when policies said nothing about cameras; nothing is watched there.
    `room_camera` None: the room's camera is not used.
    """

    scale: Scale
    late_entry_minutes: int
    earliest_submit_minutes: int | None
    entry_opens_minutes: int
    grace_seconds: int
    link_gap_max_minutes: int
    release: Release
    invigilators: Invigilators
    papers: Papers
    watching: WatchRules | None = None
    room_camera: RoomCameraRules | None = None
    delivery: Delivery = Delivery()
    tools: PageTools = field(default_factory=PageTools)
    checks: CheckRules = field(default_factory=CheckRules)
    gates: GateRules = field(default_factory=GateRules)
    outage: OutageRules = field(default_factory=OutageRules)
    breaches: BreachRules = field(default_factory=BreachRules)
    record: RecordRules = field(default_factory=RecordRules)
    desk: DeskRules = field(default_factory=DeskRules)
    seat_swap: SwapRules = field(default_factory=SwapRules)
    challenge: ChallengeRules = field(default_factory=ChallengeRules)
    targets: TargetRules = field(default_factory=TargetRules)
    incidents: IncidentRules = field(default_factory=IncidentRules)
    violations: ViolationRules = field(default_factory=ViolationRules)
    results: ResultRules = field(default_factory=ResultRules)

    @property
    def late_rule(self) -> LateRule:
        """Which late records count."""
        return LateRule(self.grace_seconds, self.link_gap_max_minutes)

    def schedule(self, starts_at: datetime, minutes: Decimal) -> Schedule:
        """The plan of a room's sitting under these terms."""
        return Schedule(
            starts_at=starts_at,
            minutes=minutes,
            late_entry_minutes=self.late_entry_minutes,
            earliest_submit_minutes=self.earliest_submit_minutes,
            grace_seconds=self.grace_seconds,
            entry_opens_minutes=self.entry_opens_minutes,
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile. `rehearsal`: results of its batches are void and every screen says so."""

    name: str
    title: str
    version: int
    rehearsal: bool
    effective_from: date | None
    effective_to: date | None
    terms: Terms
    rooms: RoomLimits
    components: tuple[ComponentPlan, ...]
    exemptions: tuple[ExemptionPlan, ...]
    occupations: Mapping[str, Occupation]
    sources: tuple[Source, ...]

    def occupation(self, name: str) -> Occupation | None:
        """An occupation by its key in the profile or by its national code."""
        found = [entry for entry in self.occupations.values() if name in (entry.key, entry.code)]
        return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPolicy(Terms):
    """The terms of one occupation and level with their origin, as a batch freezes them."""

    profile: str
    profile_version: int
    rehearsal: bool
    occupation: str
    occupation_code: str
    occupation_name: str
    level: int
    level_name: str
    components: tuple[ComponentTerms, ...]
    exemptions: tuple[ExemptionRule, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def required(self) -> tuple[Component, ...]:
        """The components that this level needs (R02), theory first."""
        return tuple(terms.component for terms in self.components)

    def terms_of(self, component: str) -> ComponentTerms:
        """The terms of one component. Raises KeyError for one that the level does not have."""
        for terms in self.components:
            if terms.component == component:
                return terms
        raise KeyError(component)

    def to_json(self) -> dict[str, Any]:
        """Plain values, decimals as text: what a batch stores."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "LevelPolicy":
        """The inverse of `to_json`. Raises KeyError, TypeError or `WireError` for anything else."""
        papers, watching = data["papers"], data.get("watching")
        room_camera = data.get("room_camera")
        values = {
            **{key: value for key, value in data.items() if key not in _BEFORE},
            "scale": Scale.from_json(data["scale"]),
            "components": _components(data),
            "exemptions": tuple(ExemptionRule.from_json(each) for each in data.get("exemptions", ())),
            "results": ResultRules.from_json(data.get("results", {})),
            "release": Release(**data["release"]),
            "invigilators": Invigilators(**data["invigilators"]),
            "papers": Papers(
                Decimal(papers["total"]), papers["wrong_deducts"], papers.get("keep_days", KEEP_DAYS)
            ),
            "watching": None if watching is None else decode(WatchRules, watching),
            "room_camera": None if room_camera is None else decode(RoomCameraRules, room_camera),
            "delivery": Delivery(**data.get("delivery", {})),
            "tools": decode(PageTools, data.get("tools", {})),
            "checks": decode(CheckRules, data.get("checks", {})),
            "gates": decode(GateRules, data.get("gates", {})),
            "outage": decode(OutageRules, data.get("outage", {})),
            "breaches": decode(BreachRules, data.get("breaches", {})),
            "record": decode(RecordRules, data.get("record", {})),
            "desk": decode(DeskRules, data.get("desk", {})),
            "seat_swap": decode(SwapRules, data.get("seat_swap", {})),
            "challenge": decode(ChallengeRules, data.get("challenge", {})),
            "targets": decode(TargetRules, data.get("targets", {})),
            "incidents": decode(IncidentRules, data.get("incidents", {})),
            "violations": decode(ViolationRules, data.get("violations", {})),
            "sources": tuple(Source.from_json(each) for each in data["sources"]),
        }
        return cls(**values)


_BEFORE = ("theory", "component")
"""What a batch kept when policies knew of theory alone."""


def _components(data: Mapping[str, Any]) -> tuple[ComponentTerms, ...]:
    """Those of a frozen policy; a batch of earlier days needs theory alone."""
    if "components" in data:
        return tuple(ComponentTerms.from_json(each) for each in data["components"])
    theory = data["theory"]
    return (ComponentTerms.from_json({"component": "theory", "scale": data["scale"], **theory}),)


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Decimal | StrEnum | date):
        return str(value)
    return value
