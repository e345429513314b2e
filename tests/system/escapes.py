"""The escapes of tests/system/escapes.csv, played one by one against a seat; what each of them did."""

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.system.kiosk_kit import PICTURE, Look, Screen, Seat

LIST = Path(__file__).parent / "escapes.csv"
SETTLE = 0.22
"""Seconds after an action until its effect shows; windows of Chromium appear within a tenth."""
QUICK = 0.08
"""The same where no effect is expected: one that comes later shows with the next action, and is still found."""
PASSES = 4.0
"""Seconds after which a picture that differs is no passing change."""
LEFT, TOP, PITCH = 250, 30, 50
PLACES = ("file", "other", "blank", "download", "chrome", "mailto", "filedialog", "popup", "printbtn", "link")
CLICKS = {"middleclick": ("", "2"), "shiftclick": ("shift", "1"), "ctrlclick": ("ctrl", "1")}


@dataclass(frozen=True)
class Escape:
    """One action: `kind` control, key or mouse."""

    kind: str
    action: str

    @property
    def on_links(self) -> bool:
        """Whether it needs the page of links."""
        return self.kind == "mouse"


@dataclass(frozen=True)
class Outcome:
    """What an action did; `effects` is empty when nothing."""

    escape: Escape
    effects: tuple[str, ...]

    def short(self) -> str:
        """The effects in a few words."""
        seen = set(self.effects)
        words = {
            "browser ended": "browser ended" in seen,
            "new window": "new window" in seen,
            "file written": "file written" in seen,
            "page left": "pagehide" in seen,
            "new tab": "pagehide" not in seen and bool(seen & {"visibility-hidden", "/links.html"}),
            "dialog or bar": bool(seen & {"blur", "beforeprint"}),
            "zoom": "resize" in seen,
        }
        return next((word for word, fits in words.items() if fits), "picture" if seen else "closed")


def escapes() -> list[Escape]:
    with LIST.open(newline="") as stream:
        return [Escape(row["kind"], row["action"]) for row in csv.DictReader(stream)]


def play(seat: Seat, wanted: list[Escape], settle: float = SETTLE) -> Iterator[Outcome]:
    """Plays actions one after the other; after an effect browser and window manager start anew.

    A picture alone counts when it differs twice: the page's own word on a link that wobbles does not come again.
    """
    seat.open()
    seat.screen.learn_noise()
    before = seat.screen.look()
    for escape in wanted:
        for _ in range(2):
            last = SETTLE if escape is wanted[-1] else settle
            effects, after = _played(seat, escape, before, last)
            if effects:
                seat.close()
                seat.open()
                before = seat.screen.look()
            else:
                before = Look(after.windows, after.title, after.mark, before.picture)
            if not (len(effects) == 1 and effects[0].startswith(PICTURE)):
                break
        yield Outcome(escape, tuple(effects))


def _played(seat: Seat, escape: Escape, before: Look, settle: float) -> tuple[list[str], Look]:
    screen, taken = seat.screen, seat.downloads()
    act(screen, escape)
    time.sleep(settle)
    after = screen.look()
    effects = screen.effects(before, after)
    if len(effects) == 1 and effects[0].startswith(PICTURE):
        effects = _lasting(screen, before)
    if not seat.alive():
        effects.append("browser ended")
    if seat.downloads() != taken:
        effects.append("file written")
    return effects, after


def _lasting(screen: Screen, before: Look) -> list[str]:
    """What is left of a picture that differs: a focus ring, a tooltip, a word on the link pass; the rest counts."""
    rest(screen)
    until = time.monotonic() + PASSES
    effects = screen.effects(before, screen.look())
    while effects and time.monotonic() < until:
        time.sleep(0.3)
        effects = screen.effects(before, screen.look())
    return effects


def rest(screen: Screen) -> None:
    """The mouse where nothing is."""
    screen.xdotool("mousemove", "20", "760")


def act(screen: Screen, escape: Escape) -> None:
    """One action, as a person's hands do it."""
    if escape.kind != "mouse":
        screen.key(escape.action)
        return
    name = escape.action.removeprefix("a:")
    if name == "rightclick":
        _click(screen, 700, 400, "3")
    elif name == "rootmenu":
        _click(screen, 1279, 799, "3")
    elif name in CLICKS:
        modifier, button = CLICKS[name]
        _click(screen, LEFT, TOP + PITCH * PLACES.index("link"), button, modifier)
    else:
        _click(screen, LEFT, TOP + PITCH * PLACES.index(name), "1")
    rest(screen)


def _click(screen: Screen, x: int, y: int, button: str, modifier: str = "") -> None:
    down = ("keydown", modifier) if modifier else ()
    up = ("keyup", modifier) if modifier else ()
    screen.xdotool("mousemove", str(x), str(y), *down, "click", button, *up)
