"""What an invigilator may do at a seat without link: take the answers away on a stick, or try again."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from client import rescue
from client.agent import Agent
from client.device import Device
from client.page import Body
from client.pin import PinGate
from client.seat import PageRefused

LOG = logging.getLogger("examhall.kiosk")


class RescueAct:
    """The page's `/api/rescue`: {"act": "stick", "pin": text} or {"act": "send"}."""

    def __init__(
        self,
        agent: Agent,
        journals: Path,
        device: Device,
        gate: PinGate,
        sticks: Callable[[], Iterable[Path]] = rescue.sticks,
    ) -> None:
        self._agent = agent
        self._journals = journals
        self._device = device
        self._sticks = sticks
        self._gate = gate

    def take_act(self, body: Body) -> None:
        """Raises `PageRefused` (`rescue_no_stick`, `rescue_nothing`, `rescue_not_written`, PIN codes)."""
        if body.get("act") == "send":
            self._send()
        elif body.get("act") == "stick":
            self._gate.check(body.get("pin"))
            self._write()
        else:
            raise PageRefused("bad_request", 400, {"field": "act"})

    def _send(self) -> None:
        with self._agent.board.lock:
            self._agent.link.hurry()
            self._agent.board.changed.notify_all()

    def _write(self) -> None:
        try:
            stick = next(iter(self._sticks()), None)
            if stick is None:
                raise PageRefused("rescue_no_stick")
            written = rescue.keep(rescue.make(self._journals, self._device), self._device, stick)
        except rescue.NothingToRescue as fault:
            raise PageRefused("rescue_nothing") from fault
        except OSError as fault:
            LOG.error("rescue file not written: %s", fault.strerror)
            raise PageRefused("rescue_not_written", 507) from fault
        LOG.warning("rescue file written: %s", written.name)
