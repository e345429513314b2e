"""`python -m client --kiosk`: joins launcher, page and agent; the acts of leaving the kiosk.

An order of the server or the invigilators' PIN ends browser and window manager; then the agent ends as soon
as the server knows and has all answers, at the latest after `LAST_SECONDS`: what is not sent lies in the
journal.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from client.agent import Agent
from client.clock import boot_seconds
from client.device import Device
from client.launcher import POLL_SECONDS, Launcher, Notices, Surroundings
from client.leaving import Authority, Nonces
from client.local import LocalServer
from client.lockdown import Processes, Wish
from client.lockdown_check import files_open, root_user
from client.lockdown_policy import page_origin
from client.outbox import Outbox
from client.page import Body
from client.pin import PinGate
from client.seat import PageRefused
from exam_rooms.protocol import SeatState

LOG = logging.getLogger("examhall.kiosk")
HOMES = Path("/var/tmp")  # noqa: S108 - a fixed place on the disk; the folder below it is private and checked
TELL_SECONDS, LAST_SECONDS = 3.0, 60.0


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line and the environment say: the agent's data folder, the kiosk's user."""

    data: Path
    user: str
    environ: Mapping[str, str]
    before: tuple[str, ...] = ()


class KioskMode:
    """The launcher beside the agent of one workstation."""

    def __init__(self, given: Given, local: LocalServer, outbox: Outbox, stopping: threading.Event) -> None:
        """Raises `LockdownFault` when the kiosk cannot be started on this machine."""
        # One agent holds a data folder, so one kiosk holds the folder named after it.
        mark = hashlib.sha256(str(given.data.resolve()).encode()).hexdigest()[:12]
        wish = Wish(
            HOMES / f"examhall-kiosk-{mark}",
            given.environ,
            given.user if root_user() else "",
            given.before,
        )
        origin = page_origin(local.server_port)

        def openings() -> tuple[str, ...]:
            return tuple(dict.fromkeys(opening.code for opening in files_open(origin)))

        local.page.patience = POLL_SECONDS
        local.page.acts = {**local.page.acts, "/api/quit": self._quit}
        around = Surroundings(lambda: local.launch.url, local.pulse, boot_seconds, openings)
        self.launcher = Launcher(Processes(wish), around)
        self._stopping = stopping
        self._outbox = outbox
        self._nonces = Nonces(given.data / "orders.json")
        self._gate: PinGate | None = None
        self._agent: Agent | None = None
        self._authority: Authority | None = None
        self._thread = threading.Thread(target=self._run, name="kiosk", daemon=True)

    def start(self) -> None:
        """Opens the kiosk in a thread of its own."""
        self._thread.start()

    def paired(self, agent: Agent, device: Device, gate: PinGate, noticed: Notices) -> None:
        """There is an agent: its server hears of the kiosk and may order it to end; so may the PIN."""
        self._agent, self._gate = agent, gate
        self._authority = Authority(device.workstation, device.site_public_key)
        with agent.board.lock:
            agent.listeners.append(self._heard)
        self.launcher.tell(agent.kiosk_says, noticed)

    def close(self) -> None:
        """Ends the kiosk's processes."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(15)
        self.launcher.close()

    def _run(self) -> None:
        self.launcher.run(self._stopping)
        if self.launcher.left.is_set():
            self._wait_for_the_rest()
            self._stopping.set()

    def _wait_for_the_rest(self) -> None:
        began = time.monotonic()
        while not self._stopping.wait(0.5):
            passed = time.monotonic() - began
            done = self._agent is None or (self._agent.link.up and not self._outbox.waiting())
            if passed > LAST_SECONDS or (done and passed > TELL_SECONDS):
                return

    def _heard(self, state: SeatState) -> None:
        """Under the agent's lock, with every state: obeys a good order."""
        order, authority, agent = state.kiosk.order, self._authority, self._agent
        if order is None or authority is None or agent is None or self.launcher.left.is_set():
            return
        now = agent.board.seat.clock.now(agent.board.boot())
        if now is None:
            return  # how old the order is shows with the next exchange
        refusal = authority.refusal(order, now)
        if refusal:
            LOG.debug("order not obeyed: %s", refusal)
            return
        try:
            fresh = self._nonces.spend(order.nonce)
        except OSError as fault:
            LOG.error("order not kept: %s", type(fault).__name__)
            return
        if fresh:
            self.launcher.leave("order")

    def _quit(self, body: Body) -> None:
        """The page's PIN field. Raises `PageRefused` (`quit_no_pin`, `quit_wait`, `quit_wrong_pin`)."""
        if self._gate is None:
            raise PageRefused("quit_no_pin")
        self._gate.check(body.get("pin"))
        self.launcher.leave("pin")
