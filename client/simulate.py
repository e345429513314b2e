"""Simulated candidates: each does what the page does, over the page's own interface.

`python -m client.simulate PLAN.json` plays one sitting with a thread per seat and prints one JSON line.
PLAN: {"seats": [{"launch_file", "ticket", "id_number", "consent", "seed", "pace_seconds", "correct"}],
"until": "receipt"}. `pace_seconds` null spreads the answers over the remaining time; `correct` may hold
{item: [response]} to answer by; `limit_seconds` ends a sitting that does not end by itself.
"""

import http.client
import json
import random
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from client.clock import boot_seconds

RETRY_SECONDS = 0.5
CALL_SECONDS = 30.0
ASK_SECONDS = 2.0
"""So often at least it asks for its state, as a page does that waits for news."""
OVERSTAY = 6
"""Every 6th candidate lets the time run out."""
SPREAD = 0.8
"""Share of the remaining time over which answers are spread."""
FINAL = ("submitted", "time_over", "ended")


class Refusal(Exception):
    """The agent said no."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """One simulated candidate."""

    launch_file: str
    ticket: str
    id_number: str
    consent: bool = True
    seed: int = 0
    pace_seconds: float | None = None
    correct: Mapping[str, list[str]] | None = None


@dataclass(slots=True)
class Tally:
    """What one candidate did and saw. Items, not clicks, are counted."""

    entered: bool = False
    chosen: dict[str, list[str]] = field(default_factory=dict)
    here: set[str] = field(default_factory=set)
    server: set[str] = field(default_factory=set)
    submitted: bool = False
    receipt: bool = False
    errors: list[str] = field(default_factory=list)

    def look(self, view: Mapping[str, Any]) -> None:
        """Notes which answers the page shows as saved at the server, as they were chosen last."""
        for item, place in view["saved"].items():
            if place == "server" and view["answers"].get(item) == self.chosen.get(item):
                self.server.add(item)
        self.submitted |= view["step"] in FINAL
        self.receipt |= view["receipt"] is not None


class Browser:
    """The page's side of the local interface: launch, token, retry when the agent was restarted."""

    def __init__(self, launch_file: Path, stopping: threading.Event) -> None:
        self._file = launch_file
        self._stopping = stopping
        self._connection: http.client.HTTPConnection | None = None
        self._token = ""

    def call(self, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - plain JSON
        """A reply's JSON. Waits out an agent that is away.

        Raises `Refusal`, and `TimeoutError` when told to stop.
        """
        while not self._stopping.is_set():
            try:
                if self._connection is None:
                    self._launch()
                return self._exchange(path, body)
            except (OSError, http.client.HTTPException):
                self.close()
            except Refusal as refusal:
                if refusal.status not in (401, 403) or refusal.code == "taken_over":
                    raise
                self.close()
            self._stopping.wait(RETRY_SECONDS)
        raise TimeoutError

    def _launch(self) -> None:
        parts = urlsplit(self._file.read_text().strip())
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=CALL_SECONDS)
        self._token = ""
        nonce = parts.fragment.removeprefix("launch=")
        self._token = str(self._exchange("/api/launch", {"nonce": nonce})["token"])

    def _exchange(self, path: str, body: Mapping[str, object] | None) -> Any:  # noqa: ANN401
        connection = self._connection
        assert connection is not None
        headers = {"X-Kiosk-Token": self._token} if self._token else {}
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection.request("GET" if data is None else "POST", path, data, headers)
        reply = connection.getresponse()
        content = json.loads(reply.read() or b"{}")
        if reply.status != 200:
            raise Refusal(reply.status, str(content.get("code")))
        return content

    def close(self) -> None:
        """The next call launches anew."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Candidate:
    """One simulated candidate from sign-in to receipt."""

    def __init__(self, number: int, plan: SeatPlan, stopping: threading.Event) -> None:
        self.tally = Tally()
        self._plan = plan
        self._overstays = number % OVERSTAY == OVERSTAY - 1
        self._rng = random.Random(plan.seed)  # noqa: S311 - a replayable choice, no secret
        self._browser = Browser(Path(plan.launch_file), stopping)
        self._stopping = stopping
        self._actions: Iterator[tuple[str, dict[str, object]]] | None = None
        self._pause = 0.0

    def run(self) -> None:
        """Plays until the receipt is shown, or until told to stop."""
        after = -1
        try:
            while not self._stopping.is_set():
                view = self._browser.call(f"/api/view?after={after}")
                self.tally.look(view)
                if self.tally.receipt:
                    return
                after = view["version"] if self._act(view) else -1
        except TimeoutError:
            self.tally.errors.append("stopped")
        except Refusal as refusal:
            self.tally.errors.append(refusal.code)
        finally:
            self._browser.close()

    def _act(self, view: Mapping[str, Any]) -> bool:
        """One step of a candidate; true when there is nothing to do but wait for a change."""
        step = view["step"]
        if step == "sign_in":
            return self._try("sign-in", {"ticket": self._plan.ticket, "id_number": self._plan.id_number})
        if step == "admitted":
            return self._try("confirm", {"is_me": True})
        if step == "confirmed":
            version = view["sitting"]["rules_version"]
            return self._try("accept", {"rules_version": version, "face_consent": self._plan.consent})
        if step == "answering" and view["paper"] == "open":
            return self._answer(view)
        return True

    def _try(self, act: str, body: Mapping[str, object]) -> bool:
        try:
            self._browser.call(f"/api/{act}", body)
        except Refusal as refusal:
            self.tally.errors.append(f"{act}: {refusal.code}")
            self._stopping.wait(2 * RETRY_SECONDS)
        return False

    def _answer(self, view: Mapping[str, Any]) -> bool:
        if self._actions is None:
            self.tally.entered = True
            actions = self._plan_actions(self._browser.call("/api/paper"))
            self._actions = iter(actions)
            left = view["time"]["remaining"] or 0.0
            given = self._plan.pace_seconds
            self._pause = left * SPREAD / max(1, len(actions)) if given is None else given
        action = next(self._actions, None)
        if action is None:
            return self._hand_in(view)
        self._do(*action)
        self._think(self._pause * self._rng.uniform(0.5, 1.5))
        return False

    def _think(self, seconds: float) -> None:
        """Meanwhile the page asks on, or the agent would take it for gone."""
        end = boot_seconds() + seconds
        while (left := end - boot_seconds()) > ASK_SECONDS:
            if self._stopping.wait(ASK_SECONDS):
                return
            view = self._browser.call("/api/view?after=-1")
            self.tally.look(view)
            if view["step"] != "answering":
                return
        self._stopping.wait(max(0.0, left))

    def _do(self, act: str, body: dict[str, object]) -> None:
        item = str(body["item"])
        if act == "answer":
            response = body["response"]
            assert isinstance(response, list)
            self.tally.chosen[item] = response
            self.tally.here.discard(item)
            self.tally.server.discard(item)
        try:
            self._browser.call(f"/api/{act}", body)
        except Refusal as refusal:
            self.tally.errors.append(f"{act}: {refusal.code}")
        else:
            if act == "answer":
                self.tally.here.add(item)

    def _hand_in(self, view: Mapping[str, Any]) -> bool:
        if self._overstays:
            return True
        early = view["time"]["submit_in"]
        if early:
            self._stopping.wait(min(early, ASK_SECONDS))
            return False
        return self._try("submit", {})

    def _plan_actions(self, paper: Mapping[str, Any]) -> list[tuple[str, dict[str, object]]]:
        """Every item once, some twice with another choice, some marked for another look."""
        items = list(paper["items"])
        again = self._rng.sample(items, k=len(items) // 10)
        actions = [("answer", {"item": item["id"], "response": self._choose(item)}) for item in items + again]
        for item in self._rng.sample(items, k=len(items) // 10):
            place = self._rng.randrange(len(actions) + 1)
            actions.insert(place, ("mark", {"item": item["id"], "marked": True}))
        return actions

    def _choose(self, item: Mapping[str, Any]) -> list[str]:
        if self._plan.correct and item["id"] in self._plan.correct:
            return _as_written(item, self._plan.correct[item["id"]])
        return _as_written(item, _guess(item, self._rng))


_GUESSES = ("巡查", "登记", "119", "报告值班领导", "三")
_ORDERED = frozenset({"text", "numeric", "inline_choice", "order", "essay"})


def _as_written(item: Mapping[str, Any], response: Sequence[str]) -> list[str]:
    """As the agent keeps it: what is chosen from a set is sorted."""
    return list(response) if item["kind"] in _ORDERED else sorted(response)


def _guess(item: Mapping[str, Any], rng: random.Random) -> list[str]:
    """A response of somebody who does not know, whatever the kind."""
    keys = [str(option["key"]) for option in item["options"]]
    targets = [str(target["key"]) for target in item.get("targets", ())]
    areas = [str(area["key"]) for area in item.get("areas", ())]
    match item["kind"]:
        case "text" | "numeric" | "inline_choice":
            return [_fill(gap, rng) for gap in item["gaps"]]
        case "match":
            return [f"{left}-{rng.choice(targets)}" for left in keys]
        case "order":
            return rng.sample(keys, k=len(keys))
        case "hotspot":
            return [rng.choice(areas)]
        case "essay":
            return ["，".join(rng.choices(_GUESSES, k=12)) + "。"]
        case "multiple":
            return rng.sample(keys, k=rng.randint(2, len(keys)))
    return [rng.choice(keys)]


def _fill(gap: Mapping[str, Any], rng: random.Random) -> str:
    if gap.get("choices"):
        return str(rng.choice(gap["choices"])["key"])
    return str(rng.randint(1, 99)) if gap["kind"] == "numeric" else rng.choice(_GUESSES)


def simulate(plan: Mapping[str, Any]) -> dict[str, object]:
    """Plays a plan; the result is what `main` prints."""
    stopping = threading.Event()
    candidates = [Candidate(n, SeatPlan(**seat), stopping) for n, seat in enumerate(plan["seats"])]
    threads = [threading.Thread(target=candidate.run, daemon=True) for candidate in candidates]
    for thread in threads:
        thread.start()
    end = boot_seconds() + float(plan.get("limit_seconds", 6 * 3600))
    while any(thread.is_alive() for thread in threads) and boot_seconds() < end:
        time.sleep(0.1)
    stopping.set()
    for thread in threads:
        thread.join(5.0)
    return _report([candidate.tally for candidate in candidates])


def _report(tallies: list[Tally]) -> dict[str, object]:
    return {
        "seats": len(tallies),
        "entered": sum(tally.entered for tally in tallies),
        "answered": sum(len(tally.chosen) for tally in tallies),
        "saved_here": sum(len(tally.here) for tally in tallies),
        "acknowledged": sum(len(tally.server) for tally in tallies),
        "submitted": sum(tally.submitted for tally in tallies),
        "receipts": sum(tally.receipt for tally in tallies),
        "errors": [f"{number}: {error}" for number, tally in enumerate(tallies) for error in tally.errors],
    }


def main(arguments: list[str]) -> int:
    """Reads a plan and prints the result; 0 when every candidate got a receipt."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m client.simulate PLAN.json\n")
        return 2
    result = simulate(json.loads(Path(arguments[0]).read_text("utf-8")))
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    return 0 if result["receipts"] == result["seats"] else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
