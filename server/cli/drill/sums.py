"""What drills found, one added to the other; `--append FILE` keeps the sum of all runs of each store."""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TENTHS = 10
"""Times until seats were back are kept in tenths of a second, counted: so they can be added."""
_COUNTS = ("tried", "survived", "acknowledged", "lost", "doubled")
_TOTALS = ("runs", "rounds", "acknowledged", "lost", "doubled", "chain_errors")


class SumBroken(Exception):
    """The file of sums is not one; the text names it and says why."""


@dataclass(slots=True)
class FaultSum:
    """One kind of fault. `seconds`: tenths of a second until a seat was back -> how many seats."""

    tried: int = 0
    survived: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    seconds: Counter[int] = field(default_factory=Counter)

    def took(self, seconds: float) -> None:
        """A seat was back."""
        self.seconds[round(seconds * TENTHS)] += 1

    def plus(self, other: "FaultSum") -> "FaultSum":
        """Both together."""
        return FaultSum(**_added(self, other, _COUNTS), seconds=self.seconds + other.seconds)

    def to_json(self) -> dict[str, Any]:
        """As it is printed: counts, median and greatest time."""
        back = {"p50": self.share(0.5), "max": self.share(1.0)} if self.seconds else None
        return _named(self, _COUNTS) | {"seconds": back}

    def share(self, share: float) -> float:
        """The time within which this share of the seats was back (nearest rank)."""
        wanted, passed = max(1, -int(-share * self.seconds.total() // 1)), 0
        for tenths, count in sorted(self.seconds.items()):
            passed += count
            if passed >= wanted:
                return tenths / TENTHS
        return 0.0


@dataclass(slots=True)
class Sum:
    """One run, or all runs of one store."""

    runs: int = 0
    rounds: int = 0
    seconds: float = 0.0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    chain_errors: int = 0
    by_fault: dict[str, FaultSum] = field(default_factory=dict)

    def plus(self, other: "Sum") -> "Sum":
        """Both together."""
        counts = _added(self, other, _TOTALS)
        names = sorted(self.by_fault.keys() | other.by_fault.keys())
        faults = {
            name: self.by_fault.get(name, FaultSum()).plus(other.by_fault.get(name, FaultSum()))
            for name in names
        }
        return Sum(**counts, seconds=round(self.seconds + other.seconds, 1), by_fault=faults)

    def to_json(self) -> dict[str, Any]:
        """As it is printed."""
        counts = _named(self, _TOTALS)
        faults = {name: fault.to_json() for name, fault in self.by_fault.items()}
        return counts | {"seconds": self.seconds, "by_fault": faults}


def _named(one: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in names}


def _added(one: object, other: object, names: Iterable[str]) -> dict[str, int]:
    return {name: getattr(one, name) + getattr(other, name) for name in names}


def read(file: Path) -> dict[str, Sum]:
    """The sums by store, none for a file that is not there. Raises `SumBroken`."""
    try:
        content = json.loads(file.read_bytes())
        return {str(store): _read_sum(one) for store, one in content["stores"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise SumBroken(f"{file}: {type(fault).__name__}: {fault}") from fault


def append(file: Path, store: str, run: Sum) -> Sum:
    """Adds a run to the file; the new sum of its store. Raises `SumBroken`; the file is as before then."""
    with _alone(file.absolute().parent):
        sums = read(file)
        sums[store] = sums.get(store, Sum()).plus(run)
        _write(file, {"stores": {name: _written(one) for name, one in sorted(sums.items())}})
        return sums[store]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else who asks for it writes sums in this folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8") as stream:
            json.dump(content, stream, ensure_ascii=False, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)


def _written(one: Sum) -> dict[str, Any]:
    faults = {
        name: _named(fault, _COUNTS)
        | {"tenths": {str(tenths): count for tenths, count in sorted(fault.seconds.items())}}
        for name, fault in one.by_fault.items()
    }
    return _named(one, _TOTALS) | {"seconds": one.seconds, "by_fault": faults}


def _read_sum(content: Mapping[str, Any]) -> Sum:
    counts = {name: _count(content[name]) for name in _TOTALS}
    faults = {str(name): _read_fault(one) for name, one in content["by_fault"].items()}
    return Sum(**counts, seconds=float(content["seconds"]), by_fault=faults)


def _read_fault(content: Mapping[str, Any]) -> FaultSum:
    tenths = Counter({_count(int(tenths)): _count(count) for tenths, count in content["tenths"].items()})
    return FaultSum(**{name: _count(content[name]) for name in _COUNTS}, seconds=tenths)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"no count: {value!r}")
    return value
