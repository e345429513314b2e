"""Facts gathered while a transaction runs, delivered to subscribers only after its commit.

So a monitor never shows what the record lacks. Facts are small frozen values without secrets.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SeatChanged:
    """What a monitor or the seat shows has changed; `changed_ns` is CLOCK_BOOTTIME at the cause, or 0."""

    room_sitting: int
    seat: int
    changed_ns: int = 0


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The line to a seat was lost or is back: the monitor shows it, the seat's own state does not hold it."""

    room_sitting: int
    seat: int


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """What another server process heard of a seat has come in here; each process finds out by itself."""

    seat: int


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """The room's phase, clock or counts have changed; every seat of it gets a new state."""

    room_sitting: int


@dataclass(frozen=True, slots=True)
class PairingChanged:
    """A workstation of the room was paired or released."""

    room: int


@dataclass(frozen=True, slots=True)
class SebChanged:
    """The settings of Safe Exam Browser of a room have changed: its seats must prove the new ones."""

    room: int


@dataclass(frozen=True, slots=True)
class Activity:
    """One line for the monitor's list: an incident raised or an act done. `code` is in the message table.

    `cause_ns` is CLOCK_BOOTTIME of this machine when a seat's agent decided on an alert, 0 when the agent
    runs on another machine: a rehearsal measures with it how soon invigilators hear of something.
    """

    room_sitting: int
    code: str
    params: tuple[tuple[str, str], ...] = ()
    seat: int | None = None
    incident: int | None = None
    cause_ns: int = 0


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """A person's account was closed, or its roles, password or sessions have changed."""

    user: int


@dataclass(frozen=True, slots=True)
class LookWanted:
    """Somebody asks for one picture of the camera at a workstation; it is to be sent with `ref`."""

    workstation: int
    ref: str


Fact = (
    SeatChanged
    | LinkChanged
    | PresenceChanged
    | RoomChanged
    | PairingChanged
    | SebChanged
    | Activity
    | LookWanted
    | AccountChanged
)
F = TypeVar(
    "F",
    SeatChanged,
    LinkChanged,
    PresenceChanged,
    RoomChanged,
    PairingChanged,
    SebChanged,
    Activity,
    LookWanted,
    AccountChanged,
)


class Events:
    """Who listens to which facts in this process. `relay` tells other processes of facts that began here."""

    def __init__(self) -> None:
        self._subscribers: dict[type, list[Callable[..., None]]] = {}
        self.relay: Callable[[Sequence[Fact]], None] | None = None

    def subscribe(self, kind: type[F], listener: Callable[[F], None]) -> None:
        """Calls `listener` with every later fact of `kind`."""
        self._subscribers.setdefault(kind, []).append(listener)

    def publish(self, facts: Iterable[Fact]) -> None:
        """Delivers facts of a committed transaction, each once, in order; a failing listener stops nobody."""
        once = list(dict.fromkeys(facts))
        self.deliver(once)
        if once and self.relay is not None:
            self.relay(once)

    def deliver(self, facts: Iterable[Fact]) -> None:
        """Delivers facts in this process alone: those that another process has told."""
        for fact in facts:
            for listener in self._subscribers.get(type(fact), ()):
                try:
                    listener(fact)
                except Exception:  # the record stands: one listener must not hide it from others
                    log.exception("listener failed for %s", type(fact).__name__)
