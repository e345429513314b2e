"""What agents and servers tell each other of who serves, and of what a new server holds (docs/standby.md)."""

from dataclasses import dataclass
from enum import StrEnum


class ServerState(StrEnum):
    """What a server is for agents."""

    ACTIVE = "active"  # it serves
    STANDBY = "standby"  # it follows another one and acknowledges nothing
    FENCED = "fenced"  # it was replaced and acknowledges nothing any more


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
