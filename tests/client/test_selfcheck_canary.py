"""The canary paper of a self-check, and a real agent that answers it."""

import base64
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client import canary as sitting
from client import paper
from client.canary import Desk, Sat, sit
from client.journal import system_stamps
from exam_rooms.kiosk_messages import CheckPlan, CheckReport, Verdict
from exam_rooms.protocol import Route, Step
from itembank.canary import FORM, Canary, judge, make, seal_canary
from itembank.canary_answers import answer_key
from itembank.shuffling import shown
from itembank.version import VERSION
from server.rules.check_findings import canary_responses
from tests.client.conftest import AgentProcess
from tests.client.fake_room import FakeRoom

GOOD, LOOK, BAD = Verdict.GOOD, Verdict.LOOK, Verdict.BAD

# --- real disks --------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own; skipped where it cannot be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs root and mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


# --- the canary paper ------------------------------------------------------------------------------------


class Site:
    """Whoever seals canary papers and marks them."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.canary: Canary = make("seed")
        self.sealed = seal_canary(self.canary, "canary-1", self.key.private_bytes_raw())

    def plan(self, ref: str = "round-1") -> CheckPlan:
        data, key = (base64.b64encode(part).decode() for part in (self.sealed.data, self.sealed.paper_key))
        return CheckPlan(ref, canary=data, canary_key=key, canary_form=FORM, version=VERSION)

    def desk(self, folder: Path, software: str = VERSION) -> Desk:
        folder.mkdir()
        return Desk(folder, self.key.public_key().public_bytes_raw(), system_stamps(), software)

    def good(self, sat: Sat, ref: str = "round-1") -> bool:
        responses = canary_responses(sat.answers, answer_key(self.sealed.paper_key))
        return judge(self.canary, ref, responses, sat.shown).good


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_sound_seat_answers_end_to_end(site: Site, tmp_path: Path) -> None:
    sat = sit(site.plan(), site.desk(tmp_path / "desk"))
    assert sat.fault == ""
    assert site.good(sat)
    assert not site.good(sat, "round-2")


def test_answers_lie_sealed_on_the_disk(site: Site, tmp_path: Path) -> None:
    sit(site.plan(), site.desk(tmp_path / "desk"))
    files = b"".join(path.read_bytes() for path in (tmp_path / "desk").iterdir())
    assert "自检完毕".encode() not in files
    assert "甲".encode() not in files


def _without_shuffling(form: Any, who: str) -> dict[str, Any]:
    return shown({**form, "shuffle": None}, who)


def _for_somebody_else(form: Any, who: str) -> dict[str, Any]:
    return shown(form, who + "x")


def _texts_moved_without_their_keys(form: Any, who: str) -> dict[str, Any]:
    made = shown(form, who)
    for item in made["items"]:
        texts = [option["text"] for option in item["options"]]
        item["options"] = [
            {**option, "text": text} for option, text in zip(item["options"], texts[::-1], strict=True)
        ]
    return made


@pytest.mark.parametrize("broken", [_without_shuffling, _for_somebody_else, _texts_moved_without_their_keys])
def test_an_agent_with_another_shuffling_is_caught(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Any, str], dict[str, Any]]
) -> None:
    monkeypatch.setattr(paper, "shown", broken)
    sat = sit(site.plan(), site.desk(tmp_path / "desk"))
    assert sat.fault == ""
    assert not site.good(sat)


def test_an_agent_that_sorts_what_must_keep_its_order_is_caught(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper, "settled", lambda rule, response: tuple(sorted(response)))
    assert not site.good(sit(site.plan(), site.desk(tmp_path / "desk")))


def test_software_older_than_the_server_cannot_sit_it(site: Site, tmp_path: Path) -> None:
    assert sit(site.plan(), site.desk(tmp_path / "desk", "0.0.9")).fault == "package_needs_newer"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"canary": "AAAA"}, "package_broken"),
        ({"canary": "*"}, "package_broken"),
        ({"canary_key": base64.b64encode(bytes(32)).decode()}, "paper_unopened"),
        ({"canary_form": "A"}, "paper_unopened"),
    ],
)
def test_a_paper_that_does_not_open_is_told(
    site: Site, tmp_path: Path, change: dict[str, str], fault: str
) -> None:
    assert sit(replace(site.plan(), **change), site.desk(tmp_path / "desk")).fault == fault


def test_a_paper_of_another_site_is_not_taken(site: Site, tmp_path: Path) -> None:
    assert sit(Site().plan(), site.desk(tmp_path / "desk")).fault == "package_broken"


def test_a_kind_that_the_agent_does_not_know_is_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitting, "instructed", lambda form: {"canary-single-1": ("Z",)})
    assert sit(site.plan(), site.desk(tmp_path / "desk")).fault == "answer_refused"


def test_on_a_full_disk_it_cannot_be_sat(site: Site, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1 << 20))
    assert sit(site.plan(), site.desk(small_disk / "desk")).fault in ("disk_full", "disk_error")


# --- a whole agent -----------------------------------------------------------------------------------------
Start = Callable[..., AgentProcess]


def ask(room: FakeRoom, ref: str, **change: object) -> Canary:
    """The room asks its seat for a self-check."""
    canary = make(ref)
    sealed = seal_canary(canary, "canary-1", room.site_key.private_bytes_raw())
    data, key = (base64.b64encode(part).decode() for part in (sealed.data, sealed.paper_key))
    plan = CheckPlan(ref, data, key, FORM, 1, 5000, room.paper.sealed.sha256, version=VERSION)
    room.show(check=replace(plan, **change))  # type: ignore[arg-type]
    return canary


def reported(room: FakeRoom, count: int = 1, seconds: float = 60.0) -> list[CheckReport]:
    end = time.monotonic() + seconds
    while len(room.reports) < count:
        assert time.monotonic() < end, room.seen[-20:]
        time.sleep(0.05)
    return room.reports


def verdicts(report: CheckReport) -> dict[str, Verdict]:
    return {result.name: result.verdict for result in report.results}


@pytest.mark.system
def test_an_agent_checks_itself_when_asked_and_repeats_until_it_is_heard(
    room: FakeRoom, start_agent: Start
) -> None:
    room.refuse[Route.CHECK] = (503, "store_unavailable")
    canary = ask(room, "round-1")
    key = base64.b64decode(room.state.check.canary_key)  # type: ignore[union-attr]
    agent = start_agent(room)
    agent.page.until(lambda view: room.seen.count(Route.CHECK) > 0)
    assert room.reports == []
    del room.refuse[Route.CHECK]
    (report,) = reported(room)
    assert set(verdicts(report).values()) == {GOOD}, report.results
    responses = canary_responses(report.canary_answers, answer_key(key))
    assert judge(canary, "round-1", responses, report.canary_map).good
    assert not (agent.data / "selfcheck").exists()
    assert not list((agent.data / "journals").glob("*.journal"))
    ask(room, "round-2", least_free_mb=10**9, camera=True)
    second = verdicts(reported(room, 2)[1])
    assert {name for name, verdict in second.items() if verdict is BAD} == {"space"}
    assert (second["camera"], second["light"]) == (LOOK, LOOK)
    time.sleep(0.5)
    assert len(room.reports) == 2


@pytest.mark.system
def test_an_older_agent_says_so_and_fails_the_canary(room: FakeRoom, start_agent: Start) -> None:
    ask(room, "round-1")
    start_agent(room, extra=("--software-version", "0.0.9"))
    (report,) = reported(room)
    bad = {result.name: result.found for result in report.results if result.verdict is BAD}
    assert bad == {"version": "0.0.9", "canary": "package_needs_newer"}


@pytest.mark.system
def test_a_round_that_is_over_is_not_sent_on(room: FakeRoom, start_agent: Start) -> None:
    room.refuse[Route.CHECK] = (503, "store_unavailable")
    ask(room, "round-1")
    agent = start_agent(room)
    agent.page.until(lambda view: room.seen.count(Route.CHECK) > 0)
    room.show(check=None, step=Step.READY)
    agent.page.until(lambda view: view["step"] == "ready")
    beats = room.seen.count(Route.STATUS)  # one request at a time: after a heartbeat none is on its way
    agent.page.until(lambda view: room.seen.count(Route.STATUS) > beats)
    tries = room.seen.count(Route.CHECK)
    del room.refuse[Route.CHECK]
    time.sleep(2.5)
    assert room.seen.count(Route.CHECK) == tries
    assert room.reports == []
