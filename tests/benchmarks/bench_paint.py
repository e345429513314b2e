"""How soon a candidate sees the paper: from the key on its way to the seat to the first question painted.

Usage: bench_paint.py [ROUNDS]. A fake room with a real agent process and headless Chromium on this machine,
a paper of 100 questions, 20 rounds. Prints one JSON object in milliseconds, each `{median, p90, most}`:
`key_to_paint`: the server answers with the key -> the agent opens the package -> the page fetches the paper
and paints question 1; `reload_to_paint`: the whole page anew while the paper is open (a crashed browser);
`empty_page`: an empty page of the same server, the floor of the latter; `items`, `package_kb`: the sealed package (packed).
"""

import json
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from exam_rooms import protocol as p
from exam_rooms.pairing import encode_code, fingerprint
from itembank.items import TRUE_FALSE_OPTIONS, ItemKind, Option
from itembank.papers import KeyEntry, MarkingKey, PaperForm, PaperItem
from tests.client.conftest import AgentProcess
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import make_ca
from tests.system.chromium import chromium

ROUNDS, ITEMS = 20, 100
PATIENCE_MS = 30_000
KINDS = (ItemKind.SINGLE, ItemKind.SINGLE, ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE)
STEM = (
    "某单位值班人员在夜间巡查时发现配电室门锁有撬动痕迹，室内有异响。按照岗位要求，第 {} 步应当做的是（　）。"
)
CHOICE = "立即报告值班负责人，在确保自身安全的前提下守住现场（第 {} 种处理方式）"
PAINTED = """() => {
  window.paintedAt = 0;
  const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => {
    window.paintedAt = performance.timeOrigin + performance.now();
  }));
  const look = () => document.querySelector("#stem") && (observer.disconnect(), painted());
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true });
  look();
}"""
"""Notes the moment after the frame in which the first question was drawn."""
LOADED = """addEventListener("DOMContentLoaded", () => requestAnimationFrame(() => requestAnimationFrame(() => {
  window.loadedAt = performance.now();
})))"""
"""Notes the moment after the first frame of any page."""


class Room(FakeRoom):
    """Notes when it first answered with the key of the paper."""

    told_at = 0.0

    def _state(self) -> p.SeatState:
        state = super()._state()
        if state.paper is not None and state.paper.key is not None and not self.told_at:
            self.told_at = time.time()
        return state


def paper() -> tuple[PaperForm, MarkingKey]:
    """A paper as long as real ones are."""
    items = []
    for number in range(ITEMS):
        kind = KINDS[number % len(KINDS)]
        options = tuple(Option(key, CHOICE.format(key)) for key in "ABCD")
        chosen = TRUE_FALSE_OPTIONS if kind is ItemKind.TRUE_FALSE else options
        items.append(PaperItem(f"q{number}", number + 1, kind, Decimal(1), STEM.format(number + 1), chosen))
    key = {item.id: KeyEntry(item.kind, ("A",), Decimal(1)) for item in items}
    return PaperForm("A", "示例试卷", Decimal(90), tuple(items), ()), MarkingKey("A", key)


def main(arguments: list[str]) -> None:
    """Measures and prints."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    ca = make_ca("site")
    room = Room(ca_pem=ca.pem, built=paper())
    room.code = encode_code(room.secret, fingerprint(ca.der))
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        agent = AgentProcess(Path(folder) / "seat", room.url, room.code)
        try:
            page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.add_init_script(f"{LOADED};({PAINTED})()")
            sys.stdout.write(json.dumps(measure(page, room, agent, rounds)) + "\n")
        finally:
            agent.kill()
            room.close()


def measure(page: Page, room: Room, agent: AgentProcess, rounds: int) -> dict[str, Any]:
    """All figures."""
    room.show(step=p.Step.READY, attempt=7)
    page.goto((agent.data / "launch").read_text().strip())
    found: dict[str, list[float]] = {"key_to_paint": [], "reload_to_paint": [], "empty_page": []}
    for _ in range(rounds):
        found["key_to_paint"].append(start(page, room))
        found["reload_to_paint"].append(reload(page))
    origin = page.url.rstrip("/")
    for _ in range(rounds):
        found["empty_page"].append(empty(page, f"{origin}/icon.svg"))
    return {name: spread(values) for name, values in found.items()} | {
        "rounds": rounds,
        "items": ITEMS,
        "package_kb": round(len(room.paper.sealed.data) / 1024, 1),
    }


def start(page: Page, room: Room) -> float:
    """From the key on the wire to the first question."""
    room.show(step=p.Step.READY, paper=room.paper_view(), started_at=None)
    page.locator(".clocks").wait_for()
    page.wait_for_timeout(200)
    page.evaluate(PAINTED)
    room.told_at = 0.0
    room.start()
    page.wait_for_function("() => window.paintedAt > 0")
    return float(page.evaluate("window.paintedAt")) - room.told_at * 1000


def reload(page: Page) -> float:
    """From the start of the navigation to the first question."""
    page.reload()
    page.wait_for_function("() => window.paintedAt > 0")
    return float(page.evaluate("window.paintedAt - performance.timeOrigin"))


def empty(page: Page, address: str) -> float:
    """From the start of the navigation to the frame of a page with nothing in it."""
    page.goto(address)
    page.wait_for_function("() => window.loadedAt > 0")
    return float(page.evaluate("window.loadedAt"))


def spread(values: list[float]) -> dict[str, float]:
    """Median, 90th percentile, greatest."""
    ranked = sorted(values)
    p90 = ranked[min(len(ranked) - 1, round(0.9 * (len(ranked) - 1)))]
    return {"median": round(statistics.median(ranked), 1), "p90": round(p90, 1), "most": round(ranked[-1], 1)}


if __name__ == "__main__":
    main(sys.argv[1:])
