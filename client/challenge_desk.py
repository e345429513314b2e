"""Between the candidate's page and the camera: what was pressed, and what the challenge shows. No pixels."""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass

from client.seat import PageRefused

BEGIN, CANNOT = "begin", "cannot"
ACTS = (BEGIN, CANNOT)
OFFERED, STARTING, RUNNING, AGAIN = "offered", "starting", "running", "again"


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """What the page shows. `state`: offered (nothing pressed yet), starting, running, again (a try failed).

    `ask`: "centre" or a `ChallengeStep`; `number` of `steps`, from 1; `left`: whole seconds for it, of
    `seconds`; `tries`: how many are left, this one included; `reason` of the try before, as in
    `ChallengeNote`, or "timed_out".
    """

    state: str
    ask: str = ""
    number: int = 0
    steps: int = 0
    left: int = 0
    seconds: int = 0
    tries: int = 0
    reason: str = ""


class ChallengeDesk:
    """Any thread may press and look; one thread, the watcher's, takes what was pressed and shows."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called after every change of what is shown, without this desk's lock."""
        self._changed = changed
        self._lock = threading.Lock()
        self._view: ChallengeView | None = None
        self._pressed = ""

    def view(self) -> dict[str, object] | None:
        """What is shown now as plain values; None while nothing is asked."""
        with self._lock:
            return None if self._view is None else asdict(self._view)

    def press(self, act: str) -> None:
        """The candidate begins a try, or says that they cannot. Raises `PageRefused`."""
        with self._lock:
            view = self._view
            if act not in ACTS:
                raise PageRefused("bad_request", 400, {"field": "act"})
            if view is None or (act == BEGIN and view.state not in (OFFERED, AGAIN)):
                raise PageRefused("challenge_not_now")
            self._pressed = act
            if act == BEGIN:
                self._view = ChallengeView(STARTING, tries=view.tries)
        self._changed()

    def take(self) -> str:
        """What was pressed since the last time, once."""
        with self._lock:
            pressed, self._pressed = self._pressed, ""
            return pressed

    def show(self, view: ChallengeView | None) -> None:
        """Shows something else; what was pressed for what is gone is forgotten."""
        with self._lock:
            if view == self._view:
                return
            self._view = view
            if view is None:
                self._pressed = ""
        self._changed()
