"""The kiosk on a display of its own: every escape of the list, with all its layers and with each alone.

Browser and window manager belong to an unprivileged user; the machine's own policies stay untouched, the
kiosk sees its files in a private mount namespace.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.client.fake_room import FakeRoom
from tests.system.escapes import QUICK, SETTLE, Escape, Outcome, escapes, play
from tests.system.kiosk_kit import (
    Layers,
    Log,
    Opening,
    RunningAgent,
    Screen,
    Seat,
    display,
    need_private_mounts,
    observed_pages,
    page_url,
    policies,
    running_room,
)

ROOT = Path(__file__).parents[2]
FULL = Layers()
ALONE = {
    "--kiosk alone": Layers(policies=False, keys=False, page=False),
    "policies alone": Layers(keys=False, page=False),
    "window manager alone": Layers(policies=False, page=False),
    "page alone": Layers(policies=False, keys=False),
}
"""Each layer on top of `--kiosk`, with the desktop's usual window manager else."""
pytestmark = [pytest.mark.system, pytest.mark.walk]
OF_EACH_KIND = (
    *(
        "z",
        "F11",
        "ctrl+t",
        "ctrl+n",
        "ctrl+w",
        "alt+F4",
        "alt+Tab",
        "ctrl+p",
        "ctrl+s",
        "F12",
        "ctrl+l",
        "F5",
    ),
    *("ctrl+shift+Delete", "ctrl+plus", "alt+Left", "F7", "F10", "super", "alt+F2", "ctrl+alt+d", "Print"),
    *("rightclick", "a:file", "a:blank", "a:download", "filedialog", "popup"),
)
"""Windows, tabs, printing, files, tools, history, menus, programs and links; `make test-long` tries the list."""


@pytest.fixture(scope="module", autouse=True)
def _mounts() -> None:
    need_private_mounts()


@pytest.fixture
def room() -> Iterator[FakeRoom]:
    with running_room() as made:
        yield made


@dataclass
class Stage:
    """A display and a real agent with an open paper."""

    screen: Screen
    agent: RunningAgent
    room: FakeRoom
    before: tuple[str, ...]

    def measure(self, layers: Layers, wanted: Sequence[Escape]) -> list[Outcome]:
        """What escapes do with these layers; keys on the candidate's page, the mouse on links."""
        with observed_pages(self.screen.log, guarded=layers.page):
            keys = [escape for escape in wanted if not escape.on_links]
            mouse = [escape for escape in wanted if escape.on_links]
            paper = Opening(self.agent.url, paper=True)
            links = Opening(lambda: page_url(self.agent, "links.html"), paper=False)
            return [*self._play(layers, keys, paper), *self._play(layers, mouse, links)]

    def _play(self, layers: Layers, wanted: list[Escape], opening: Opening) -> list[Outcome]:
        seat = Seat(self.screen, layers, self.before, opening)
        try:
            return list(play(seat, wanted, QUICK if layers == FULL else SETTLE))
        finally:
            seat.close()


@pytest.fixture
def stage(room: FakeRoom, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        name = stack.enter_context(display())
        agent = RunningAgent(tmp_path / "seat", room)
        stack.callback(agent.close)
        before = stack.enter_context(policies(agent.url().partition("/#")[0]))
        yield Stage(Screen(name, Log()), agent, room, before)


@pytest.mark.parametrize(
    ("wanted", "least"),
    [
        pytest.param([one for one in escapes() if one.action in OF_EACH_KIND], len(OF_EACH_KIND), id="some"),
        pytest.param(escapes(), 71, id="all", marks=pytest.mark.long),
    ],
)
def test_no_escape_of_the_list_has_an_effect(
    stage: Stage, capsys: pytest.CaptureFixture[str], wanted: list[Escape], least: int
) -> None:
    outcomes = stage.measure(FULL, wanted)
    with capsys.disabled():
        tell(line(outcome) for outcome in outcomes)
    assert len(outcomes) == len(wanted) >= least
    assert [line(outcome) for outcome in outcomes if outcome.effects] == []


def tell(rows: Iterable[str]) -> None:
    sys.stdout.write("\n".join(["", *rows, ""]))


def line(outcome: Outcome) -> str:
    said = f"open    {', '.join(outcome.effects)}" if outcome.effects else "closed"
    return f"  {outcome.escape.kind:8}{outcome.escape.action:22}{said}"


@pytest.mark.long
def test_each_layer_alone_leaks(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """The table of docs/kiosk.md."""
    columns = {"all": FULL, **ALONE}
    found = {name: stage.measure(layers, escapes()) for name, layers in columns.items()}
    with capsys.disabled():
        tell(table(found))
    counts = {name: sum(bool(outcome.effects) for outcome in outcomes) for name, outcomes in found.items()}
    assert counts.pop("all") == 0
    assert min(counts.values()) > 0, "a layer that closes everything alone would make the others idle"
    for name, outcomes in found.items():
        control = next(outcome for outcome in outcomes if outcome.escape.kind == "control")
        assert not control.effects, name


def table(found: dict[str, list[Outcome]]) -> Iterator[str]:
    yield f"| escape | {' | '.join(found)} |"
    yield "|---|" + "---|" * len(found)
    for rows in zip(*found.values(), strict=True):
        cells = ["·" if not row.effects else row.short() for row in rows]
        yield f"| `{rows[0].escape.action}` | {' | '.join(cells)} |"
    totals = [str(sum(bool(outcome.effects) for outcome in outcomes)) for outcomes in found.values()]
    yield f"| **with an effect, of {len(escapes()) - 1}** | {' | '.join(totals)} |"
