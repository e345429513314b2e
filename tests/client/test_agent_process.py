"""A whole agent process against a room server: a sitting, crashes, restarts, and nothing lost."""

import base64
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from client.device import load_journal_key
from client.journal import dump
from client.running import RunningStore
from exam_rooms.protocol import CandidateView, RecordKind, Route, Step
from exam_rooms.watch_messages import WarningView
from tests.client.conftest import ROOT, AgentProcess, PageClient
from tests.client.fake_room import ATTEMPT, ID_NUMBER, TICKET, FakeRoom

pytestmark = pytest.mark.system
Start = Callable[..., AgentProcess]


def step_is(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda view: view["step"] == name


def sign_in(page: PageClient) -> None:
    page.until(lambda view: view["step"] == "sign_in" and view["link"]["up"])
    assert page.call("/api/sign-in", {"ticket": TICKET, "id_number": ID_NUMBER})[0] == 200


def walk_to_the_paper(room: FakeRoom, page: PageClient) -> dict[str, Any]:
    """Every step before the paper."""
    sign_in(page)
    room.show(step=Step.ADMITTED)
    page.until(step_is("admitted"))
    assert page.call("/api/confirm", {"is_me": True})[0] == 200
    assert page.view()["step"] == "confirmed"
    assert page.call("/api/accept", {"rules_version": "2026-11", "face_consent": False})[0] == 200
    page.until(lambda view: view["step"] == "ready" and view["paper_ready"])
    room.start()
    return page.until(paper_open)


def answering(room: FakeRoom, start_agent: Start, **start: float) -> AgentProcess:
    """An agent whose candidate answers already."""
    room.start(**start)
    agent = start_agent(room)
    agent.page.until(paper_open)
    return agent


def paper_open(view: dict[str, Any]) -> bool:
    return view["step"] == "answering" and view["paper"] == "open"


def settled(view: dict[str, Any]) -> bool:
    return view["link"]["waiting"] == 0 and view["saving"] == "server"


def in_journals(agent: AgentProcess) -> list[dict[str, object]]:
    return list(dump(agent.data))


def in_store(room: FakeRoom) -> set[str]:
    return {record.hash for record in room.store.values()}


def test_a_sitting_from_sign_in_to_receipt(room: FakeRoom, start_agent: Start) -> None:
    agent = start_agent(room)
    page = agent.page
    view = walk_to_the_paper(room, page)
    assert view["candidate"]["name"] == "阿卜杜·外力"
    assert page.raw("GET", "/api/photo", None, page.headers)[:2] == (200, b"\xff\xd8photo")
    paper = page.call("/api/paper")[1]
    assert [item["id"] for item in paper["items"]] == list(room.paper.items)
    assert page.call("/api/answer", {"item": "q0", "response": ["B"]})[0] == 200
    assert page.view()["answers"] == {"q0": ["B"]}
    assert page.call("/api/answer", {"item": "q2", "response": ["C", "A"]})[0] == 200
    assert page.call("/api/mark", {"item": "q1", "marked": True})[0] == 200
    view = page.until(settled)
    assert view["answers"] == {"q0": ["B"], "q2": ["A", "C"]}
    assert view["saved"] == {"q0": "server", "q2": "server"} and view["marked"] == ["q1"]
    assert room.answers() == {"q0": ("B",), "q2": ("A", "C")}
    assert page.call("/api/submit", {})[0] == 200
    assert page.view()["step"] == "submitted"
    receipt = page.until(lambda view: view["receipt"] is not None)["receipt"]
    assert receipt["answered"] == 2 and receipt["total"] == 6
    assert receipt["head"] == in_journals(agent)[-1]["hash"]
    status, svg, headers = page.raw("GET", "/api/receipt.svg", None, page.headers)
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml") and b"<svg" in svg
    assert page.call("/api/paper")[0] == 409
    assert agent.stop() == 0
    secrets = ["绝密题干", ID_NUMBER, TICKET, "阿卜杜", page.headers["X-Kiosk-Token"]]
    assert [word for word in secrets if word in agent.log()] == []


@pytest.mark.parametrize("link", ["up", "down"])
def test_kill_9_while_answering_loses_nothing(room: FakeRoom, start_agent: Start, link: str) -> None:
    agent = answering(room, start_agent)
    room.down = link == "down"
    for number, item in enumerate(room.paper.items):
        assert agent.page.call("/api/answer", {"item": item, "response": ["ABCD"[number % 4]]})[0] == 200
    agent.page.call("/api/mark", {"item": "q3", "marked": True})
    told = agent.page.view()
    agent.kill()
    again = start_agent(room)
    view = again.page.until(paper_open)
    assert view["answers"] == told["answers"] and view["marked"] == ["q3"]
    if link == "down":
        assert view["link"]["waiting"] > 0 and view["saving"] == "here" and not view["link"]["up"]
        assert 0 < view["time"]["remaining"] <= told["time"]["remaining"]
        assert again.page.call("/api/answer", {"item": "q0", "response": ["D"]})[0] == 200
        room.down = False
    view = again.page.until(settled)
    journal = in_journals(again)
    assert {line["hash"] for line in journal} == in_store(room)
    assert len(room.store) == len(journal) and room.aside == []
    assert room.answers() == {item: tuple(keys) for item, keys in view["answers"].items()}


def test_lost_replies_double_nothing(room: FakeRoom, start_agent: Start) -> None:
    agent = answering(room, start_agent)
    room.lose_replies["/agent/answers"] = 3
    for item in room.paper.items:
        assert agent.page.call("/api/answer", {"item": item, "response": ["A"]})[0] == 200
    agent.page.until(settled)
    assert [line["hash"] for line in in_journals(agent)] == [
        record.hash for _, record in sorted(room.store.items())
    ]
    assert room.aside == []


def test_the_server_away_for_a_while_is_shown_and_healed(room: FakeRoom, start_agent: Start) -> None:
    agent = answering(room, start_agent)
    room.down = True
    assert agent.page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    view = agent.page.until(lambda view: not view["link"]["up"])
    assert view["saved"] == {"q0": "here"} and view["saving"] == "here"
    assert agent.page.call("/api/sign-in", {"ticket": "x", "id_number": "y"})[1]["code"] == "no_link"
    room.down = False
    assert agent.page.until(settled)["link"]["up"]
    assert room.answers() == {"q0": ("A",)}


def test_a_sign_in_with_a_wrong_number_is_refused(room: FakeRoom, start_agent: Start) -> None:
    page = start_agent(room).page
    page.until(lambda view: view["link"]["up"] and view["step"] == "sign_in")
    status, body = page.call("/api/sign-in", {"ticket": TICKET, "id_number": "1"})
    assert (status, body["code"]) == (409, "id_does_not_match")


def test_the_seat_locks_at_its_own_deadline_and_a_credit_opens_it(room: FakeRoom, start_agent: Start) -> None:
    page = answering(room, start_agent).page
    assert page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    page.until(settled)
    room.start(minutes=4 / 60)
    page.until(lambda view: view["step"] == "locked" or view["time"]["remaining"] <= 4)
    room.down = True
    locked = page.until(step_is("locked"))
    assert locked["time"]["remaining"] == 0
    assert page.call("/api/answer", {"item": "q0", "response": ["B"]})[1]["code"] == "time_over"
    assert page.call("/api/paper")[0] == 409
    room.start(minutes=10)
    room.down = False
    page.until(step_is("answering"))
    assert page.call("/api/answer", {"item": "q0", "response": ["B"]})[0] == 200


def test_too_early_to_hand_in(room: FakeRoom, start_agent: Start) -> None:
    page = answering(room, start_agent, submit_in=1800).page
    view = page.view()
    assert 1700 < view["time"]["submit_in"] <= 1800
    assert page.call("/api/submit", {})[1]["code"] == "too_early_to_submit"
    assert page.view()["step"] == "answering"


def test_a_move_to_another_machine_keeps_every_answer(room: FakeRoom, start_agent: Start) -> None:
    """The old machine is cut off with unsent answers; the candidate goes on elsewhere; then it returns."""
    old = answering(room, start_agent)
    assert old.page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    old.page.until(settled)
    room.down = True
    assert old.page.call("/api/answer", {"item": "q1", "response": ["B"]})[0] == 200
    old.kill()
    room.tokens.clear()  # what the dead agent left on the wire is not let in when the line is back
    room.down = False
    new = start_agent(room, "other")
    view = new.page.until(lambda view: view["paper"] == "open" and view["answers"] != {})
    assert view["answers"] == {"q0": ["A"]} and view["saved"] == {"q0": "server"}
    assert new.page.call("/api/answer", {"item": "q3", "response": ["C"]})[0] == 200
    new.page.until(settled)
    assert room.answers() == {"q0": ("A",), "q3": ("C",)}
    new.stop()
    room.show(step=Step.MOVED)
    back = start_agent(room)
    view = back.page.until(lambda view: view["step"] == "moved" and view["link"]["waiting"] == 0)
    assert back.page.call("/api/answer", {"item": "q4", "response": ["A"]})[0] == 409
    assert room.answers() == {"q0": ("A",), "q1": ("B",), "q3": ("C",)}
    opens = [record for record in room.store.values() if record.kind is RecordKind.OPEN]
    assert sorted(record.journal for record in opens) == [1, 2]
    assert room.aside == []


def test_back_at_the_first_machine_a_third_journal_is_opened(room: FakeRoom, start_agent: Start) -> None:
    agent = answering(room, start_agent)
    agent.page.call("/api/answer", {"item": "q0", "response": ["A"]})
    agent.page.until(settled)
    room.show(step=Step.MOVED, paper=room.paper_view())
    agent.page.until(step_is("moved"))
    agent.kill()
    room._journal({"attempt": ATTEMPT})  # another machine opened number 2
    room.start()
    again = start_agent(room)
    again.page.until(paper_open)
    again.page.until(lambda view: again.page.call("/api/answer", {"item": "q0", "response": ["B"]})[0] == 200)
    again.page.until(settled)
    assert {record.journal for record in room.store.values()} == {1, 3}
    assert room.answers() == {"q0": ("B",)}


def test_an_unpaired_machine_says_so(room: FakeRoom, start_agent: Start) -> None:
    agent = start_agent(room, code=False)
    view = agent.page.until(lambda view: view["fault"])
    assert (view["step"], view["fault"]) == ("unpaired", "seat_not_paired")
    assert agent.page.call("/api/answer", {"item": "q0", "response": []})[1]["code"] == "unpaired"
    assert room.seen == []


def test_a_used_code_on_the_command_line_is_no_new_pairing(room: FakeRoom, start_agent: Start) -> None:
    first = start_agent(room)
    first.page.until(lambda view: view["link"]["up"])
    first.stop()
    second = start_agent(room)
    second.page.until(lambda view: view["link"]["up"])
    assert room.seen.count("/agent/pair") == 1
    assert len(room.workstations) == 1


def test_a_full_disk_is_told_at_once_and_heals(room: FakeRoom, start_agent: Start) -> None:
    agent = answering(room, start_agent)
    page, journal = agent.page, agent.data / "journals" / f"{ATTEMPT}-1.journal"
    assert page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    page.until(settled)
    before = resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (journal.stat().st_size + 50, before[1]))
    status, body = page.call("/api/answer", {"item": "q1", "response": ["B"]})
    assert (status, body["code"]) == (507, "disk_full")
    view = page.view()
    assert (view["saving"], view["fault"], view["answers"]) == ("unsaved", "disk_full", {"q0": ["A"]})
    page.until(lambda _: room.status[-1].journal_fault == "disk_full")
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, before)
    assert page.call("/api/answer", {"item": "q1", "response": ["B"]})[0] == 200
    view = page.until(settled)
    assert (view["fault"], room.answers()) == ("", {"q0": ("A",), "q1": ("B",)})
    page.until(lambda _: room.status[-1].journal_fault == "")


def test_what_is_on_the_disk_tells_nothing(room: FakeRoom, start_agent: Start) -> None:
    """A copy of the data folder without the device file; the section key goes when all is collected."""
    room.show(candidate=CandidateView("阿卜杜·外力", TICKET, "110101********0054", "示例公司", False))
    agent = answering(room, start_agent)
    assert agent.page.view()["candidate"]["name"] == "阿卜杜·外力"
    assert agent.page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    assert agent.page.call("/api/submit", {})[0] == 200
    agent.page.until(lambda view: view["receipt"] is not None)
    room.show(collect=True)
    agent.page.until(lambda _: room.status[-1].state_version == room.state.version)
    agent.stop()
    files = [path for path in agent.data.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert names >= {"device.json", "launch", f"{ATTEMPT}-1.journal", f"{ATTEMPT}.run"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    content = b"".join(path.read_bytes() for path in files)
    key = base64.b64encode(room.paper.key)
    for secret in ("绝密题干", TICKET, "阿卜杜", '"response"', '"q0"', key.decode(), room.code):
        assert secret.encode() not in content
    running = RunningStore(agent.data / "journals", load_journal_key(agent.data)).load()[ATTEMPT]
    assert running.state is not None and running.state.paper is not None
    assert running.state.paper.key is None


def test_a_second_agent_in_the_same_folder_is_refused(room: FakeRoom, start_agent: Start) -> None:
    agent = start_agent(room)
    command = [sys.executable, "-m", "client", "--data", str(agent.data), "--server", room.url]
    done = subprocess.run([*command, "--no-browser"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, agent.page.view()["version"] > 0) == (3, True)
    refused = subprocess.run([*command[:-1], "http://192.0.2.1"], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 2


def test_a_warning_is_shown_until_the_server_knows_that_it_was_read(
    room: FakeRoom, start_agent: Start
) -> None:
    """Over the open paper, refused by a server in trouble, confirmed by the next try; answers go on."""
    page = answering(room, start_agent).page
    room.show(warnings=(WarningView(3, "请坐好。"), WarningView(4, "请摘下帽子。")))
    shown = page.until(lambda view: len(view["warnings"]) == 2)["warnings"]
    assert shown == [{"warning": 3, "text": "请坐好。"}, {"warning": 4, "text": "请摘下帽子。"}]
    room.refuse[Route.WARNING_READ] = (503, "store_unavailable")
    assert page.call("/api/warning", {"warning": 3})[1]["code"] == "store_unavailable"
    assert page.call("/api/answer", {"item": "q0", "response": ["B"]})[0] == 200
    assert len(page.view()["warnings"]) == 2
    del room.refuse[Route.WARNING_READ]
    assert page.call("/api/warning", {"warning": 3})[0] == 200
    assert [one["warning"] for one in page.view()["warnings"]] == [4]
    assert page.view()["answers"] == {"q0": ["B"]}
