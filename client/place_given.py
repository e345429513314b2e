"""Where an agent is to run, by its options: the servers it asks, and the folder it holds."""

import argparse

from client.device import DataFolder, FolderInUse
from client.endpoint import BadAddress, Endpoint, parse_endpoint

EXIT_USAGE, EXIT_IN_USE = 2, 3


class NoPlace(Exception):
    """An agent cannot run there: a line that says why, and the `status` it ends with."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


def given_place(given: argparse.Namespace) -> tuple[list[Endpoint], DataFolder]:
    """The servers in the order of the options, and the folder, held until it is closed. Raises `NoPlace`."""
    try:
        return [parse_endpoint(address) for address in given.server], DataFolder(given.data)
    except BadAddress as fault:
        raise NoPlace(EXIT_USAGE, f"--server: {fault}") from fault
    except FolderInUse as fault:
        raise NoPlace(EXIT_IN_USE, f"{given.data}: another agent uses this folder") from fault
