"""What is kept about the candidate, asked at the seat: from the server each time, in the page's language."""

from pathlib import Path

import pytest

from client.exchange import BULK_ASKS, Ask
from client.link_bulk import FETCHED
from exam_rooms.kept_messages import KeptReply
from exam_rooms.protocol import AcceptRequest, Step
from exam_rooms.wire import decode, encode
from tests.client.conftest import AgentProcess
from tests.client.fake_room import ATTEMPT, ID_NUMBER, TICKET, FakeRoom


@pytest.fixture
def agent(room: FakeRoom, tmp_path: Path):
    started = AgentProcess(tmp_path / "seat", room.url, room.code)
    yield started
    started.kill()


@pytest.mark.dear
def test_the_page_gets_the_servers_words_and_only_while_somebody_is_signed_in(
    agent: AgentProcess, room: FakeRoom
) -> None:
    page = agent.page
    page.until(lambda view: view["step"] == "sign_in")
    assert page.call("/api/kept/zh") == (404, {"code": "not_found", "params": {}})
    assert page.call("/api/sign-in", {"ticket": TICKET, "id_number": ID_NUMBER})[0] == 200
    status, told = page.call("/api/kept/zh")
    assert (status, decode(KeptReply, told)) == (200, room.kept)
    room.kept = KeptReply(())
    assert page.call("/api/kept/en") == (200, encode(KeptReply(())))
    assert room.kept_asked == ["zh", "en"]
    assert room.state.attempt == ATTEMPT


@pytest.mark.dear
def test_the_text_that_was_shown_goes_with_the_answer(agent: AgentProcess, room: FakeRoom) -> None:
    page = agent.page
    page.until(lambda view: view["step"] == "sign_in")
    room.show(step=Step.CONFIRMED)
    page.until(lambda view: view["step"] == "confirmed")
    said = {"rules_version": "2026-11", "face_consent": True, "consent_version": "2026-12"}
    assert page.call("/api/accept", said)[0] == 200
    assert room.accepted == [AcceptRequest("2026-11", True, "2026-12")]


def test_it_travels_in_the_second_lane() -> None:
    assert Ask.KEPT in BULK_ASKS
    assert Ask.KEPT in FETCHED
