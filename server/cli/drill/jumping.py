"""Runs the server with a wall clock that a drill can set: `python -P jumping.py FILE` (seconds to add).

Only the machine's clock as the server reads it is moved; what the server makes of it is its own code. The
boot clock stays what it is: no machine's boot clock jumps while it runs.
"""

from gevent import monkey

monkey.patch_all()

import runpy  # noqa: E402
import sys  # noqa: E402
from dataclasses import replace  # noqa: E402
from datetime import timedelta  # noqa: E402
from pathlib import Path  # noqa: E402

from server.services import steady  # noqa: E402

_true = steady.read_clocks


def moved_by(file: Path) -> float:
    """Seconds in the file; 0 while it is not there or being written."""
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        return 0.0


def main() -> None:
    """Becomes the server."""
    file = Path(sys.argv[1])

    def read_clocks() -> steady.Reading:
        look = _true()
        return replace(look, wall=look.wall + timedelta(seconds=moved_by(file)))

    steady.read_clocks = read_clocks  # before anybody else takes it
    sys.argv = ["server.wsgi"]
    runpy.run_module("server.wsgi", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
