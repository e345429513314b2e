"""What a level policy says of each component: methods, minutes, scale, panel, exemption, what follows.

Plain values. Components given by a method of `DELIVERED` are sat at a seat like a theory test and staffed
like one (R06); those of `ASSESSED` are scored by a panel.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Component(StrEnum):
    """A part of an assessment with a score of its own."""

    THEORY = "theory"  # 理论知识考试
    PRACTICAL = "practical"  # 技能考核
    REVIEW = "review"  # 综合评审


COMPONENT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        Component.THEORY: "理论知识考试",
        Component.PRACTICAL: "技能考核",
        Component.REVIEW: "综合评审",
    }
)
"""What documents call a component: Chinese in every language, as on certificates."""


class Method(StrEnum):
    """How a component is held."""

    COMPUTER = "computer"  # 机考
    PAPER = "paper"  # 纸笔
    HANDS_ON = "hands_on"  # 现场操作
    SIMULATED = "simulated"  # 模拟操作
    MATERIALS = "materials"  # 审阅材料
    DEFENCE = "defence"  # 论文答辩


DELIVERED = frozenset({Method.COMPUTER, Method.PAPER})
ASSESSED = frozenset(Method) - DELIVERED


class Rounding(StrEnum):
    """What happens to a score before it is compared with the pass mark."""

    NONE = "none"
    HALF_UP = "half_up"  # to a whole point


@dataclass(frozen=True, slots=True)
class Scale:
    """Points from 0 to `max`; `inclusive` says whether the pass mark itself passes."""

    max: Decimal
    pass_mark: Decimal
    inclusive: bool
    rounding: Rounding

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scale":
        """Out of a frozen policy. Raises KeyError, ValueError or ArithmeticError for anything else."""
        most, mark = Decimal(data["max"]), Decimal(data["pass_mark"])
        return cls(most, mark, data["inclusive"], Rounding(data["rounding"]))


class Combine(StrEnum):
    """How the sheets of a panel become one score."""

    MEAN = "mean"  # the mean of the sheets' totals
    TRIMMED = "trimmed"  # without the highest and the lowest, when more than three sheets are there
    PER_ITEM = "per_item"  # the mean of each item's points, summed


class VetoBy(StrEnum):
    """How many examiners make a veto item count."""

    MAJORITY = "majority"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class PanelRules:
    """Who may sit on a panel, and how its sheets become a score.

    `candidates_per`: candidates who perform at once for each examiner, 0 when it does not matter.
    `card_grades`: grades of the examiner's card that may serve, empty for any.
    `consecutive_most`, `renew_one_in`: warnings only (R15); 0 asks nothing.
    `spread_most`: the largest distance between two totals that needs no arbitration, None for any.
    """

    minimum: int = 3
    candidates_per: int = 0
    odd: bool = True
    card_grades: tuple[str, ...] = ()
    consecutive_most: int = 3
    renew_one_in: int = 3
    combine: Combine = Combine.MEAN
    decimals: int = 1
    spread_most: Decimal | None = Decimal(10)
    veto_by: VetoBy = VetoBy.MAJORITY

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "PanelRules":
        """Out of a frozen policy; what it does not name is as usual."""
        usual, given = cls(), {**data}
        spread = given.get("spread_most", usual.spread_most)
        given["card_grades"] = tuple(given.get("card_grades", usual.card_grades))
        given["combine"] = Combine(given.get("combine", usual.combine))
        given["veto_by"] = VetoBy(given.get("veto_by", usual.veto_by))
        given["spread_most"] = None if spread is None else Decimal(spread)
        return cls(**given)


@dataclass(frozen=True, slots=True)
class ComponentTerms:
    """One component at one level. `min_minutes` is the least length of a test, or of one person's review; 0
    leaves it to the sitting.

    `least_characters`: of a thesis that is handed in for a review; 0 asks for none.
    """

    component: Component
    methods: tuple[Method, ...]
    min_minutes: int
    scale: Scale
    panel: PanelRules = field(default_factory=PanelRules)
    least_characters: int = 0

    @property
    def delivered(self) -> tuple[Method, ...]:
        """The methods among its own that are sat at a seat."""
        return tuple(method for method in self.methods if method in DELIVERED)

    @property
    def assessed(self) -> tuple[Method, ...]:
        """The methods among its own that a panel scores."""
        return tuple(method for method in self.methods if method in ASSESSED)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ComponentTerms":
        """Out of a frozen policy."""
        return cls(
            component=Component(data["component"]),
            methods=tuple(Method(each) for each in data["methods"]),
            min_minutes=data["min_minutes"],
            scale=Scale.from_json(data["scale"]),
            panel=PanelRules.from_json(data.get("panel", {})),
            least_characters=data.get("least_characters", 0),
        )


@dataclass(frozen=True, slots=True)
class ExemptionRule:
    """Who need not sit a component: evidence not older than so many years on the anchor day (R10)."""

    component: Component
    evidence: str
    within_years: int
    anchor: str = "exam_date"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ExemptionRule":
        """Out of a frozen policy."""
        return cls(**{**data, "component": Component(data["component"])})


class VoidItem(StrEnum):
    """What a question that is taken out after the test gives everybody."""

    CREDIT = "credit"  # its full points
    DROP = "drop"  # nothing; the rest is scaled up to the paper's total


class ThirdMark(StrEnum):
    """What a written paper gets once a third marker has read it."""

    MEDIAN = "median"  # the middle of the three
    MEAN = "mean"  # the mean of the three


class RetakeCounts(StrEnum):
    """Which of several results of one component counts."""

    LATEST = "latest"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class ResultRules:
    """What follows the marks: days are working days (R34, R35). `double_tolerance`: points by which two
    markers of a written paper may differ before a third one marks it; `third_mark`: what counts then.
    """

    publicity_days: int = 5
    report_days: int = 10
    recheck_days: int = 15
    reply_days: int = 10
    retakes_most: int = 1
    retake_counts: RetakeCounts = RetakeCounts.LATEST
    void_item: VoidItem = VoidItem.CREDIT
    double_tolerance: Decimal = Decimal(5)
    third_mark: ThirdMark = ThirdMark.MEDIAN

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ResultRules":
        """Out of a frozen policy; what it does not name is as usual."""
        usual, given = cls(), {**data}
        given["retake_counts"] = RetakeCounts(given.get("retake_counts", usual.retake_counts))
        given["void_item"] = VoidItem(given.get("void_item", usual.void_item))
        given["double_tolerance"] = Decimal(given.get("double_tolerance", usual.double_tolerance))
        given["third_mark"] = ThirdMark(given.get("third_mark", usual.third_mark))
        return cls(**given)


@dataclass(frozen=True, slots=True)
class ComponentPlan:
    """A component as a profile gives it: methods and card grades by level."""

    component: Component
    methods: Mapping[int, tuple[Method, ...]]
    min_minutes: int
    scale: Scale
    panel: PanelRules = field(default_factory=PanelRules)
    card_grades: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    least_characters: int = 0

    def at(self, level: int) -> ComponentTerms | None:
        """Its terms at one level; None when the level does not have it."""
        if level not in self.methods:
            return None
        panel = replace(self.panel, card_grades=self.card_grades.get(level, ()))
        return ComponentTerms(
            self.component, self.methods[level], self.min_minutes, self.scale, panel, self.least_characters
        )


@dataclass(frozen=True, slots=True)
class ExemptionPlan:
    """An exemption with the levels at which it is given."""

    rule: ExemptionRule
    levels: tuple[int, ...]
