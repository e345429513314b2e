"""What an earlier pairing of this machine left unsent reaches the server as a rescue file.

The server takes a journal from the workstation it was granted to. After a new pairing that one is gone;
where the candidate still sits here, the answers are written again in a journal of the new pairing
(`Books`), else they are brought as a rescue file that the earlier pairing's key signs, too. The file is
brought even when nothing waits: where its journals end, only the earlier pairing could have told.
"""

from collections.abc import Callable
from pathlib import Path

from client import rescue
from client.device import Device
from client.link_bulk import Bulk
from client.outbox import Outbox
from exam_rooms.protocol import AnswersReply, SeatState, Step
from exam_rooms.rescue import RescueReply

_WRITING = (Step.READY, Step.ANSWERING)


class Bringer:
    """Looks after every state (`Agent.listeners`) whether something is stranded here."""

    def __init__(self, outbox: Outbox, bulk: Bulk, make: Callable[[frozenset[int]], bytes]) -> None:
        self._outbox = outbox
        self._bulk = bulk
        self._make = make

    @classmethod
    def of(cls, outbox: Outbox, bulk: Bulk, journals: Path, device: Device) -> "Bringer":
        """For the journals of a data folder."""
        if device.former:
            outbox.owe_ends(rescue.unsettled(journals, device.journal_secret))
        return cls(outbox, bulk, lambda attempts: _file(journals, device, attempts))

    def take_state(self, state: SeatState) -> None:
        """Offers what is stranded of attempts that nobody goes on with here; nothing stops offering."""
        here = state.attempt if state.step in _WRITING else None
        attempts = frozenset(one for one in self._outbox.stranded_attempts() if one != here)
        self._bulk.bring(attempts, lambda: self._make(attempts), self._brought)

    def _brought(self, reply: RescueReply) -> None:
        """What the server names is durable; anything else still waits, here and on the disk."""
        for one in reply.journals:
            self._outbox.acknowledge(one.attempt, AnswersReply({str(one.journal): one.upto}, one.refused))
            self._outbox.end_told(one.attempt, one.journal)


def _file(journals: Path, device: Device, attempts: frozenset[int]) -> bytes:
    try:
        return rescue.make(journals, device, only=attempts)
    except rescue.NothingToRescue as fault:
        raise FileNotFoundError(str(journals)) from fault
