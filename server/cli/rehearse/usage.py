"""Processor time of a process and everything it started, as the kernel counts it."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """User and system time of a process and its living descendants, and of its children that have ended."""
    return sum(_spent(process) for process in family(root))


def family(root: int) -> list[int]:
    """A process and its living descendants, itself first."""
    found = [root]
    for process in found:
        try:
            for task in Path(f"/proc/{process}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue  # it has just ended
    return found


def _spent(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS


def resident_bytes(root: int) -> int:
    """Memory of a process and its living descendants that is theirs alone or shared in part (PSS)."""
    return sum(_resident(process) for process in family(root))


def _resident(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    fields = (line.split() for line in text.splitlines())
    return sum(int(field[1]) * 1024 for field in fields if field[0] == "Pss:")
