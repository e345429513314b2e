"""What agents and servers tell each other of who serves, and of what a new server holds (docs/standby.md)."""

from dataclasses import dataclass
from enum import StrEnum

EPOCH_MOST = 2_147_000
"""No epoch is higher: journals are numbered by epoch, a thousand to each, in 31 bits."""


def epoch_of(text: str) -> int:
    """The epoch that a header or a file names; 0 for none, and for what cannot be one."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(EPOCH_MOST)) else 0
    return number if number <= EPOCH_MOST else 0


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
