"""A fault found in an input file: where it is and what kind it is, in no human language.

Hosts turn the code into a sentence through their message table; the core never translates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Param = str | int | float
_NONE: Mapping[str, Param] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `place` reads like "题库模板 row 7" or "scopes[2].weight"; `code` is snake_case."""

    code: str
    place: str = ""
    params: Mapping[str, Param] = field(default_factory=lambda: _NONE)

    def to_json(self) -> dict[str, object]:
        """Plain values for a job's answer or a stored report."""
        return {"code": self.code, "place": self.place, "params": dict(self.params)}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Problem":
        """The inverse of `to_json`."""
        params = data.get("params")
        return cls(str(data["code"]), str(data["place"]), dict(params) if isinstance(params, Mapping) else {})


class InputRefused(Exception):
    """A whole input cannot be used; `problems` says why, at least one entry."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems
