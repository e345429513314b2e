"""Which of several servers an agent talks to, and the highest epoch it has met (docs/standby.md).

Pure but for `keep`, which makes an epoch durable before the first word to a server of it. Moments are boot
seconds. An agent works with one server at a time and never goes back to a lower epoch: what a server of one
acknowledges may be lost.
"""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from client.device import DataFolder, write_atomically
from client.endpoint import BadAddress, parse_endpoint
from client.exchange import FOREVER
from exam_rooms.standby_messages import EpochReply, Reign, ServerState, reign_of

LOG = logging.getLogger("examhall.kiosk")
ASK_AFTER = 2.0
"""Seconds without a good reply after which the other servers are asked: one lost request is no failure, and
whoever was promoted shall not wait for us."""
GONE_AFTER = 8.0
"""Seconds after which the server is called gone to its standby: longer than one that was killed takes to be
back by itself."""
ASK_EVERY = 1.5
"""Seconds between two questions while no server serves us, each with jitter."""
CALM_EVERY = 15.0
"""The same while one does: so a server that was cut off and replaced hears of it from its own seats."""
OTHERS_EVERY = 3
"""In need every third question goes to the others in turn, the rest to the server that answered last."""
LEARN_EVERY = 60.0
"""How often our own server is asked for the addresses of the others."""
MOST_SERVERS = 8
EPOCH_FILE = "epoch"
NOBODY = Reign()
"""Before the first server was met."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The word of a server about itself."""

    reign: Reign
    active: bool


@dataclass(frozen=True, slots=True)
class Question:
    """Ask this server who it is; `gone`: tell it that ours does not answer."""

    address: str
    gone: bool


def chosen(
    addresses: tuple[str, ...], current: str, reign: Reign, heard: dict[str, Heard], gone: bool
) -> str:
    """The server to talk to. Another one than the current only if it serves, under no lower epoch than ours,
    and under a higher one unless the current one is gone.
    """
    best, highest = current, reign
    for address in addresses:
        word = heard.get(address)
        if word is None or not word.active or address == current:
            continue
        if word.reign > highest or (gone and best == current and word.reign >= highest):
            best, highest = address, word.reign
    return best


class Servers:
    """The addresses of one installation, from the first one given; none at all for a link under test."""

    def __init__(
        self,
        addresses: Iterable[str] = (),
        rng: random.Random | None = None,
        *,
        reign: Reign = NOBODY,
        keep: Callable[[Reign], None] = lambda _reign: None,
    ) -> None:
        self.addresses: tuple[str, ...] = tuple(dict.fromkeys(addresses))
        self.current = self.addresses[0] if self.addresses else ""
        self.reign = reign
        self._keep = keep
        self._rng = rng or random.SystemRandom()
        self._failing_since = FOREVER
        self._ask_at = self._learn_at = 0.0
        self._turn = 0
        self._heard_at: dict[str, float] = {}

    def learn(self, addresses: Iterable[str]) -> bool:
        """The server names others of its installation; true when one is new."""
        fresh = [one for one in addresses if one not in self.addresses and _usable(one)]
        self.addresses = (*self.addresses, *fresh)[:MOST_SERVERS]
        return bool(fresh)

    # What the line brings

    def answered(self) -> None:
        """The current server has done what it was asked."""
        self._failing_since = FOREVER

    def failed(self, now: float) -> None:
        """No reply of the current server, or one that acknowledges nothing."""
        if self._failing_since == FOREVER:
            self._failing_since = now
            self._ask_at = min(self._ask_at, now + ASK_AFTER)

    def silent(self, now: float) -> float:
        """Seconds for which the current server has failed us."""
        return max(0.0, now - self._failing_since)

    @property
    def epoch(self) -> int:
        """The highest epoch that was met, 0 before the first."""
        return self.reign.number

    def raised(self, reign: Reign) -> bool:
        """Notes a higher epoch, durably; false when it is none."""
        if reign <= self.reign:
            return False
        self._keep(reign)
        self.reign = reign
        return True

    # Who else is there

    def question(self, now: float) -> Question | float:
        """Whom to ask now, or when to look again."""
        others = [one for one in self.addresses if one != self.current]
        if self._failing_since == FOREVER and now >= self._learn_at:
            self._learn_at = now + LEARN_EVERY * self._rng.uniform(0.7, 1.3)
            return Question(self.current, gone=False)
        if not others:
            return self._learn_at if self._failing_since == FOREVER else now + ASK_EVERY
        if self._ask_at > now:
            return self._ask_at
        silent = self.silent(now)
        in_need = self._failing_since < FOREVER
        self._ask_at = now + (ASK_EVERY if in_need else CALM_EVERY) * self._rng.uniform(0.7, 1.3)
        self._turn += 1
        return Question(self._whom(others, in_need=in_need), gone=silent >= GONE_AFTER)

    def _whom(self, others: list[str], *, in_need: bool) -> str:
        """One after the other; in need mostly who answered last: other names may be a dead machine's."""
        known = [one for one in others if one in self._heard_at]
        if not in_need or not known:
            return others[self._turn % len(others)]
        best = max(known, key=self._heard_at.__getitem__)
        rest = [one for one in others if one != best]
        ask_rest = rest and self._turn % OTHERS_EVERY == 0
        return rest[self._turn // OTHERS_EVERY % len(rest)] if ask_rest else best

    def told(self, address: str, word: EpochReply, now: float) -> bool:
        """What a server says of itself; true when another one than before is to be talked to."""
        self.learn(word.servers)
        self._heard_at[address] = now
        if address == self.current:
            return False
        heard = {address: Heard(word.reign, word.state is ServerState.ACTIVE)}
        gone = self.silent(now) >= ASK_AFTER
        best = chosen(self.addresses, self.current, self.reign, heard, gone)
        if best == self.current:
            return False
        LOG.warning("server %s takes over (epoch %d)", best, word.epoch)
        self.raised(word.reign)
        self.current, self._failing_since = best, FOREVER
        self._ask_at = now  # the former one, if it lives, hears of it at once
        return True


def load_epoch(folder: Path) -> Reign:
    """The highest epoch that this workstation has met, number 0 before the first."""
    try:
        return reign_of((folder / EPOCH_FILE).read_text("ascii").strip())
    except (OSError, ValueError):
        return NOBODY


def keeper(folder: Path) -> Callable[[Reign], None]:
    """Writes an epoch down, durably. A disk that takes nothing keeps no answers either."""

    def keep(reign: Reign) -> None:
        try:
            write_atomically(folder / EPOCH_FILE, f"{reign}\n".encode())
        except OSError as fault:
            LOG.error("epoch not kept: %s", fault.strerror)

    return keep


def servers_of(folder: DataFolder, known: Iterable[str], rng: random.Random) -> Servers:
    """The servers of a paired workstation."""
    return Servers(known, rng, reign=load_epoch(folder.path), keep=keeper(folder.path))


def _usable(address: str) -> bool:
    try:
        parse_endpoint(address)
    except BadAddress:
        return False
    return True
