"""Safe Exam Browser before the page: what it said is forwarded as it came, the server alone compares.

It says so in headers of the page's own request (Windows), or to the page, which passes it on (macOS, whose
web view sends no headers). Every time the page is opened anew what was known is replaced, by nothing too: an
ordinary browser that opens the page after SEB was left has nothing to say.
"""

from collections.abc import Callable, Mapping

from client.agent import Agent
from client.board import Board
from client.seat import PageRefused
from exam_rooms.kiosk_messages import KioskReport, Lockdown, SebProof, SebState
from exam_rooms.protocol import Route, SeatState

CONFIG_KEY_HEADER = "X-SafeExamBrowser-ConfigKeyHash"
EXAM_KEY_HEADER = "X-SafeExamBrowser-RequestHash"
"""Source: safeexambrowser.org/developer/seb-config-key.html."""
REPEAT_SECONDS = 3.0
"""Pause before the same is said again to a server that still asks."""
_HASH, _URL, _VERSION = 64, 300, 80
"""Most characters that are passed on."""


def proof_of_request(url: str, header: Callable[[str], str | None]) -> SebProof:
    """What the headers of a request for the page say; `url`: the exact address that was asked for."""
    config, exam = header(CONFIG_KEY_HEADER) or "", header(EXAM_KEY_HEADER) or ""
    return SebProof(url[:_URL], config[:_HASH], exam[:_HASH])


class SebDesk:
    """Keeps what was said last and passes it to the server when there is something to tell."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._agent: Agent | None = None
        self._known: SebProof | None = None
        self._told: tuple[SebProof, float] | None = None
        self._told_at = float("-inf")

    def join(self, agent: Agent, *, before_the_page: bool) -> None:
        """The workstation is paired. `before_the_page`: this start of the agent is one for SEB."""
        self._agent = agent
        agent.listeners.append(self.take_state)
        if before_the_page:
            agent.kiosk_says(KioskReport(Lockdown.SEB))

    def opened(self, proof: SebProof) -> None:
        """The page was asked for, by whatever browser."""
        with self._board.lock:
            self._known = proof
            if self._board.seat.state is not None:
                self.take_state(self._board.seat.state)

    def take_state(self, state: SeatState) -> None:
        """A state of the seat, under the lock: tells what is news, or what the server asks for again."""
        agent, known = self._agent, self._known
        if agent is None or known is None or state.seb is SebState.NOT_NEEDED or not agent.link.up:
            return
        news = self._told != (known, agent.link.changed_at)
        asked = state.seb is SebState.WANTED and known.config_key_hash != ""
        if news or (asked and self._board.boot() - self._told_at >= REPEAT_SECONDS):
            self._note(agent, known)
            agent.link.act(Route.SEB, known)
            self._board.changed.notify_all()

    def take_act(self, body: Mapping[str, object]) -> None:
        """What the page heard of SEB's own script interface. Raises `PageRefused`."""
        proof = SebProof(
            url=_text(body, "url", _URL),
            config_key_hash=_text(body, "config_key", _HASH),
            browser_exam_key_hash=_text(body, "browser_exam_key", _HASH),
            version=_text(body, "version", _VERSION),
        )
        with self._board.lock:
            agent = self._agent
            if agent is None:
                raise PageRefused("unpaired")
            self._known = proof
            self._note(agent, proof)
        agent.ask_server(Route.SEB, proof)

    def _note(self, agent: Agent, proof: SebProof) -> None:
        self._told, self._told_at = (proof, agent.link.changed_at), self._board.boot()


def _text(body: Mapping[str, object], field: str, most: int) -> str:
    value = body.get(field)
    if not isinstance(value, str) or len(value) > most:
        raise PageRefused("bad_request", 400, {"field": field})
    return value
