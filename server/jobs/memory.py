"""How much memory a child has needed."""

import re
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+([0-9]+) kB$", re.MULTILINE)


def peak_mib() -> int:
    """The most memory this process has held, in MiB; 0 where the system does not say.

    `getrusage` would do for a process that was not forked: a child begins with the peak of who forked it.
    """
    try:
        found = _PEAK.search(Path("/proc/self/status").read_text("ascii", "replace"))
    except OSError:
        return 0
    return int(found[1]) >> 10 if found else 0
