"""What this seat confirms of the commands it was given: the agent has them, the page shows them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from exam_rooms.kiosk_messages import CommandNote, SeatOrder


@dataclass(frozen=True, slots=True)
class _Kept:
    """A note, and the version of the page's view that shows what the command did (0: not known yet)."""

    note: CommandNote
    view: int = 0


class CommandNotes:
    """Notes of the commands in the newest state, by their numbers; moments are boot seconds.

    A note goes with every heartbeat until the server's state names its command no more, so a lost reply costs
    nothing.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def heard(self, orders: Iterable[SeatOrder], boot: float, worked_since: float | None) -> None:
        """A newer state; `worked_since`: since when the seat's time had gone on until now, None: it stood."""
        worked = 0 if worked_since is None else _ns(worked_since)
        fresh = {
            order.command: _Kept(CommandNote(order.command, _ns(boot), worked_ns=worked)) for order in orders
        }
        self._kept = {command: self._kept.get(command, note) for command, note in fresh.items()}

    def built(self, view: int) -> None:
        """The page's view of this version shows everything that was heard."""
        for command, kept in self._kept.items():
            if not kept.view:
                self._kept[command] = replace(kept, view=view)

    def shown(self, view: int, boot: float) -> bool:
        """The page has the view of this version; true when a command is done by that."""
        done = False
        for command, kept in self._kept.items():
            if 0 < kept.view <= view and not kept.note.done_ns:
                self._kept[command] = replace(kept, note=replace(kept.note, done_ns=_ns(boot)))
                done = True
        return done

    def report(self) -> tuple[CommandNote, ...]:
        """What a heartbeat says."""
        return tuple(kept.note for kept in self._kept.values())


def _ns(boot: float) -> int:
    return int(boot * 1e9)
