"""Reading the `targets` part of a policy: how often a check may be wrong before it is muted in a room."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exam_rooms.wire import decode
from itembank.blueprint_reading import Reader
from proctoring.measure import BLIND_KINDS, SIGHT_KINDS, Target, may_mute
from server.rules.policy_watching import number

PATH = "targets"
KEYS = ("mute", "mute_identity", "least_reviewed", "false_alarms")
REVIEWED = (1, 1000)
SHARE = ("0", "1")
TARGETED = tuple(str(kind) for kind in (*SIGHT_KINDS, *sorted(BLIND_KINDS)))


@dataclass(frozen=True, slots=True)
class TargetRules:
    """`false_alarms`: kind -> the greatest share of its reviewed flags that may be false.

    With `mute` a check whose share is above that beyond doubt, by `least_reviewed` flags or more, calls
    nobody any more in that room's sitting; checks of identity only with `mute_identity`. The defaults are
    those of a batch frozen when policies said nothing about it: nothing is held against a target.
    """

    mute: bool = False
    mute_identity: bool = False
    least_reviewed: int = 10
    false_alarms: dict[str, float] = field(default_factory=dict)

    def target(self, kind: str) -> Target | None:
        """A check's target; None for one without."""
        share = self.false_alarms.get(kind)
        return None if share is None else Target(share, self.least_reviewed)

    def mutes(self, kind: str) -> bool:
        """Whether the check is one that may be muted."""
        return self.mute and may_mute(kind, identity=self.mute_identity)


def targets_of(policy: Mapping[str, object]) -> TargetRules:
    """The target part of a batch's frozen policy, as it was stored."""
    return decode(TargetRules, policy.get("targets") or {})


def read_targets(read: Reader, data: object) -> TargetRules:
    """The rules of the `targets` mapping; faults are added to the reader with their paths.

    A profile that does not name them gets `TargetRules()`.
    """
    if data is None:
        return TargetRules()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return TargetRules()
    shares = read.mapping(fields.get("false_alarms", {}), f"{PATH}.false_alarms", TARGETED)
    return TargetRules(
        mute=_flag(read, fields, "mute"),
        mute_identity=_flag(read, fields, "mute_identity"),
        least_reviewed=read.whole(fields, "least_reviewed", PATH, bounds=REVIEWED),
        false_alarms={kind: number(read, shares, kind, SHARE, f"{PATH}.false_alarms") for kind in shares},
    )


def _flag(read: Reader, fields: Mapping[str, object], key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):
        read.add(
            "missing_value" if value is None else "not_yes_or_no", f"{PATH}.{key}", value=str(value)[:40]
        )
    return value is True
