"""What a seat's watching must not forget when the agent is restarted: one sealed file for each attempt."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.device import write_atomically
from exam_rooms.watch_messages import AlertRequest
from exam_rooms.wire import canonical, decode, encode
from itembank.sealing import SealBroken, derive, open_sealed, seal

LOG = logging.getLogger("examhall.kiosk")
KEPT = 20
"""Attempts remembered at one workstation; a sitting that is reopened later is the last of them."""
_NAME = re.compile(r"(\d+)\.watch")


@dataclass(frozen=True, slots=True)
class OpenEpisode:
    """An episode that the server was told of and that has not ended.

    `alert` is the message that opened it, without pictures; `after_due` the boot time in seconds at which
    a picture from after the beginning is wanted, None once it was sent.
    """

    alert: AlertRequest
    after_due: float | None = None


@dataclass(frozen=True, slots=True)
class WatchMemory:
    """Of one attempt: `fold` is `proctoring.episodes.encode` of its state, valid in the boot of `boot_id`.

    `captures`: numbers of random pictures that were sent or missed; `pictures`: how many pictures of any
    kind were announced.
    """

    attempt: int
    boot_id: str = ""
    fold: dict[str, Any] = field(default_factory=dict)
    open: tuple[OpenEpisode, ...] = ()
    captures: tuple[int, ...] = ()
    pictures: int = 0


class WatchStore:
    """Reads and writes the memories in a folder of the agent."""

    def __init__(self, folder: Path, device_key: bytes) -> None:
        """Forgets all but the latest attempts; on a disk that takes nothing they stay."""
        self._folder = folder
        self._key = derive(device_key, "watch")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in self._paths()[:-KEPT]:
                path.unlink(missing_ok=True)
        except OSError as fault:
            LOG.warning("memory of the camera: %s", fault.strerror)

    def _paths(self) -> list[Path]:
        found = [path for path in self._folder.glob("*.watch") if _NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def load(self, attempt: int) -> WatchMemory:
        """What is remembered of an attempt: nothing when its file is not there or cannot be read."""
        path = self._folder / f"{attempt}.watch"
        try:
            data = open_sealed(self._key, path.read_bytes(), path.name.encode())
            return decode(WatchMemory, json.loads(data))
        except FileNotFoundError:
            return WatchMemory(attempt)
        except (SealBroken, ValueError, OSError) as fault:
            LOG.warning("memory of the camera unreadable: %s", type(fault).__name__)
            return WatchMemory(attempt)

    def unfinished(self) -> tuple[int, ...]:
        """Attempts with an open episode, the oldest first."""
        numbers = [int(path.stem) for path in self._paths()]
        return tuple(number for number in numbers if self.load(number).open)

    def forget(self, attempt: int) -> None:
        """Nothing is remembered of this attempt: its candidate does not agree to be looked at (any more)."""
        try:
            (self._folder / f"{attempt}.watch").unlink(missing_ok=True)
        except OSError as fault:
            LOG.warning("memory of the camera stays: %s", fault.strerror)

    def drop_aged(self, kept_since: Callable[[int], float]) -> int:
        """Forgets attempts last remembered before `kept_since` of them (seconds of the epoch); how many.

        Raises OSError.
        """
        aged = [path for path in self._paths() if path.stat().st_mtime < kept_since(int(path.stem))]
        for path in aged:
            path.unlink(missing_ok=True)
        return len(aged)

    def save(self, memory: WatchMemory) -> None:
        """Keeps a memory; a full disk is noted, not raised: the next one may have room."""
        path = self._folder / f"{memory.attempt}.watch"
        try:
            write_atomically(path, seal(self._key, canonical(encode(memory)), path.name.encode()))
        except OSError as fault:
            LOG.warning("memory of the camera not kept: %s", fault.strerror)
