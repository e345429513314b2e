"""What agents and servers tell each other of who serves, and of what a new server holds (docs/standby.md)."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

EPOCH_MOST = 2_147_000
"""No epoch is higher: journals are numbered by epoch, a thousand to each, in 31 bits."""
_SINCE, _PROOF = re.compile(r"[0-9]{1,18}"), re.compile(r"[0-9a-f]{32}")


def epoch_of(text: str) -> int:
    """The epoch that a header or a file names; 0 for none, and for what cannot be one."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(EPOCH_MOST)) else 0
    return number if number <= EPOCH_MOST else 0


@dataclass(frozen=True, slots=True, order=True)
class Reign:
    """Who serves: an epoch and when it began (microseconds of Unix time). The later of two is the higher one.

    Two backups restored in the same minutes have one number, and are told apart by their beginning. `proof`
    is what the site itself says of both; nobody else can make it or check it. The first epoch needs none.
    """

    number: int = 0
    since: int = 0
    proof: str = field(default="", compare=False)

    def __str__(self) -> str:
        """As a header and a file have it: the number alone, or with its beginning and proof."""
        return f"{self.number}.{self.since}.{self.proof}" if self.proof else str(self.number)


FIRST = Reign(1)
"""The first server of an installation."""


def reign_of(text: str) -> Reign:
    """The inverse of `str`: a number that brings no more is a reign without proof; none for anything else."""
    parts = text.split(".")
    number = epoch_of(parts[0])
    if not number or len(parts) == 1:
        return Reign(number)
    if len(parts) != 3 or not _SINCE.fullmatch(parts[1]) or not _PROOF.fullmatch(parts[2]):
        return Reign()
    return Reign(number, int(parts[1]), parts[2])


class ServerState(StrEnum):
    """What a server is for agents."""

    ACTIVE = "active"  # it serves
    STANDBY = "standby"  # it follows another one and acknowledges nothing
    FENCED = "fenced"  # it was replaced and acknowledges nothing any more


@dataclass(frozen=True, slots=True)
class StandbyPairRequest:
    """A standby brings its one-time code, its machine's name and the address where it will serve."""

    secret: str
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What a standby has of each store (the number of the last transaction) from the outbox of that name."""

    lineage: str
    have: dict[str, int]


@dataclass(frozen=True, slots=True)
class EpochReply:
    """Who answers here. `servers`: addresses of the installation's other servers, the first to try first."""

    epoch: int
    state: ServerState
    servers: tuple[str, ...] = ()
    since: int = 0
    proof: str = ""

    @property
    def reign(self) -> Reign:
        """The reign of who answers."""
        return Reign(self.epoch, self.since, self.proof)


@dataclass(frozen=True, slots=True)
class HeldJournal:
    """A journal that lies on this workstation: its last seq, and what the site said when it granted it."""

    attempt: int
    journal: int
    seq: int
    parent: str
    proof: str = ""


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """The first word to a server of another epoch: what lies here."""

    journals: tuple[HeldJournal, ...]


@dataclass(frozen=True, slots=True)
class ResumedJournal:
    """`upto`: the highest contiguous seq that this server holds. `code`: "" or why it takes none of it."""

    attempt: int
    journal: int
    upto: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class ResumeReply:
    """One entry for every journal that was named."""

    journals: tuple[ResumedJournal, ...]
