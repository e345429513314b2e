"""A covered paper that an invigilator releases at the seat by the room's PIN, also without link."""

import logging

from client.agent import Agent
from client.evidence import Evidence
from client.page import Body
from client.pin import PinGate
from client.seat import FROZEN, PageRefused
from exam_rooms.kiosk_messages import BreachRequest, SeatRelease

LOG = logging.getLogger("examhall.kiosk")


class ReleaseAct:
    """The page's `/api/release`: {"pin": text}. It holds here at once; the server hears of it when it can."""

    def __init__(self, agent: Agent, evidence: Evidence, gate: PinGate, boot_id: str) -> None:
        self._agent = agent
        self._evidence = evidence
        self._gate = gate
        self._boot_id = boot_id

    def take_act(self, body: Body) -> None:
        """Raises `PageRefused` (`not_frozen`, PIN codes)."""
        board = self._agent.board
        if board.seat.step(board.boot()) != FROZEN:
            raise PageRefused("not_frozen")
        self._gate.check(body.get("pin"))
        with board.lock:
            attempt, cover, now = board.seat.attempt, board.seat.cover, int(board.boot() * 1e9)
            if attempt is None or cover is None:  # the server was quicker
                return
            told = SeatRelease(cover.kind, cover.since, self._boot_id, now)
            self._evidence.put(BreachRequest(attempt, (), told))
            self._agent.uncover()
        LOG.warning("paper shown again by pin")
        self._agent.evidence_waits()
