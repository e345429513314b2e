"""The lines of many sites to one authority: each site's part of an exchange, due at its own moment."""

import base64
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from server.cli.bench.province import Simulated
from server.cli.rehearse.staff import Address
from server.live.authority_line import Line, LinkDown
from server.rules.site_file import check_part, read_file, read_head
from server.services.site_files import REFUSED

AT_ONCE = 32
"""Sites that talk at the same time; more wait, and their waiting counts."""
TRIES, AGAIN_SECONDS, SLOWEST_SECONDS = 12, 1.0, 16.0
"""How often a site whose line broke tries again, and after how long: doubled each time. It counts."""
TWICE_EVERY = 10
"""Every tenth site sends all of its parts twice, as after a broken transfer: nothing may be there twice."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Where the authority is, and over how many seconds all sites come."""

    address: Address
    window: float
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Played:
    """One direction over the line. `waits`: seconds from the moment a site was due until it was done."""

    waits: Sequence[float]
    bytes: int
    failed: int

    def share_ms(self, share: float) -> float:
        """The wait that this share of the sites did not exceed, in milliseconds."""
        ordered = sorted(self.waits)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else 0.0


def fetched(sites: Sequence[Simulated], pace: Pace) -> Played:
    """Every site fetches its dispatch, checks each part and says that it has it."""
    return _all(sites, pace, lambda _number, site, line: _fetch(site, line))


def returned(sites: Sequence[Simulated], folder: Path, pace: Pace) -> Played:
    """Every site sends the results that lie in the folder under its code."""

    def send(number: int, site: Simulated, line: Line) -> int:
        return _send((folder / site.code).read_bytes(), line, 2 if number % TWICE_EVERY == 0 else 1)

    return _all(sites, pace, send)


def _all(sites: Sequence[Simulated], pace: Pace, play: Callable[[int, Simulated, Line], int]) -> Played:
    began, gap = time.monotonic(), pace.window / len(sites)

    def one(number: int) -> tuple[float, int]:
        site, due = sites[number], began + number * gap
        time.sleep(max(0.0, due - time.monotonic()))
        for again in range(TRIES):  # as a site does, from the part that is missing
            line = Line((pace.address.url, pace.address.ca_pem), (site.code, site.key), pace.now)
            try:
                done = play(number, site, line)
                return time.monotonic() - due, done
            except LinkDown:
                time.sleep(min(SLOWEST_SECONDS, AGAIN_SECONDS * 2**again))
            finally:
                line.close()
        return 0.0, 0

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(one, range(len(sites))))
    good = [wait for wait, size in found if size]
    return Played(good, sum(size for _wait, size in found), len(found) - len(good))


def _exchanged(line: Line, sittings: list[dict[str, Any]], offers: list[bytes]) -> dict[str, Any]:
    told = [base64.b64encode(head).decode() for head in offers]
    asked = {"report": {"sittings": sittings}, "offers": told}
    found: dict[str, Any] = json.loads(line.ask("POST", "/site-link/exchange", json.dumps(asked).encode()))
    return found


def _fetch(site: Simulated, line: Line) -> int:
    offered = _exchanged(line, [], [])["files"]
    if not offered:
        return 1  # the line broke behind the word that it was there
    head = read_head(base64.b64decode(offered[0]["head"]))
    size = len(head.raw)
    for number in range(1, len(head.parts) + 1):
        data = line.ask("GET", f"/site-link/files/{head.uid}/{number}")
        check_part(head, number, data)
        size += len(data)
    room = {"room": site.code, "state": "arranged", "seats": 1, "answering": 0, "collected": 0}
    said = {"about": head.about, "taken": head.content, "rooms": [room | {"released": False}]}
    left = _exchanged(line, [said], [])["files"]
    return size if not left else 0


def _send(data: bytes, line: Line, times: int) -> int:
    head, parts = read_file(data)
    (offer,) = _exchanged(line, [], [head.raw])["offers"]
    wanted = [number for number in parts if number in offer["missing"]]
    for number in wanted if times == 1 else [*parts] * times:
        line.ask("POST", f"/site-link/files/{head.uid}/{number}", parts[number])
    return len(data) if offer["state"] != REFUSED else 0
