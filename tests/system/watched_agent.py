"""`python -m tests.system.watched_agent`: a seat agent whose machine is a folder that a test changes.

Everything is the product but what the warden looks at: the folder beside the agent's own, named `machine`,
stands for `/`, and its file `wall-offset` for whoever sets the wall clock (seconds).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from client.__main__ import Kiosk, main
from client.clock import read_boot_id
from client.device import DataFolder
from client.endpoint import Endpoint
from client.warden import Premises, system_clocks
from client.warden_signs import Clocks


def machine_of(folder: Path) -> Path:
    """Where the machine of an agent's data folder lies."""
    return folder.with_name(f"{folder.name}-machine")


class WatchedKiosk(Kiosk):
    """The agent's process with a machine to play with."""

    def __init__(self, arguments: argparse.Namespace, folder: DataFolder, endpoint: Endpoint) -> None:
        super().__init__(arguments, folder, endpoint)
        root = machine_of(folder.path)

        def clocks() -> Clocks:
            true, offset = system_clocks(), root / "wall-offset"
            moved = float(offset.read_text()) if offset.exists() else 0.0
            return replace(true, wall=true.wall + moved)

        self.premises = Premises(read_boot_id(), root, clocks)


if __name__ == "__main__":
    sys.exit(main(make=WatchedKiosk))
