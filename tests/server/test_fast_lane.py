"""The lane in front of Flask: the same words, statuses and headers as everywhere, and no other way in."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.test import TestResponse

from exam_rooms import protocol as p
from exam_rooms.protocol import Route
from exam_rooms.standby_messages import Reign
from server.access import Actor
from server.db.answers import Received
from server.epoch import proven
from server.host import Host
from server.services import resuming
from server.services.delivery import delivery_of
from server.web import agent as door
from server.web import agent_entry, agent_lane
from server.web.fast_lane import DOOR, LANE, FastLane, door_route
from server.web.headers import HEADERS
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.epoch_kit import later


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


@pytest.fixture
def writer(agent: TestAgent, machine: Machine, scene: Scene) -> TestAgent:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.sent()
    return agent


def ask(agent: TestAgent, method: str, route: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return agent.client.open(route, method=method, data=b"{}", headers=agent._headers() | named)


def test_what_a_whole_room_does_at_once_is_on_the_lane() -> None:
    assert {
        ("POST", Route.SIGN_IN): agent_entry.sign_in,
        ("POST", Route.CONFIRM): agent_entry.confirm,
        ("POST", Route.ACCEPT): agent_entry.accept,
        ("GET", Route.PHOTO): agent_entry.photo,
        ("GET", Route.PACKAGE): agent_entry.package,
        ("POST", Route.JOURNALS): agent_entry.journals,
        ("GET", Route.RECEIPT): agent_entry.receipt,
        ("GET", Route.STATE): agent_lane.state,
        ("POST", Route.ANSWERS): agent_lane.answers,
        ("POST", Route.STATUS): agent_lane.status,
    } == LANE


def test_what_every_machine_asks_when_it_is_switched_on_is_on_the_lane_too() -> None:
    assert {
        ("POST", Route.CHALLENGE): door.challenge,
        ("POST", Route.SESSION): door.session,
    } == DOOR


def test_an_answer_has_all_headers_and_the_epoch(agent: TestAgent, host: Host) -> None:
    answer = agent.get(Route.STATE)
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers[p.EPOCH_HEADER] == str(host.epoch.number)
    assert "Set-Cookie" not in answer.headers
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(("method", "route"), sorted(LANE))
def test_a_refusal_has_headers_and_words_in_the_askers_language(
    agent: TestAgent, method: str, route: str
) -> None:
    agent.token = "x"
    chinese, english = ask(agent, method, route), ask(agent, method, route, Accept_Language="en")
    assert chinese.status_code == english.status_code == 401
    assert chinese.get_json()["code"] == english.get_json()["code"] == "token_wrong"
    assert not chinese.get_json()["message"].isascii()
    assert english.get_json()["message"].isascii()
    assert {name: chinese.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(("method", "route"), sorted(LANE))
def test_other_methods_are_refused(agent: TestAgent, method: str, route: str) -> None:
    other = "DELETE" if method == "GET" else "GET"
    assert ask(agent, other, route).status_code == 405


def test_head_of_the_state_goes_by_flask_and_asks_for_the_token_too(agent: TestAgent) -> None:
    assert ask(agent, "HEAD", Route.STATE).status_code == 200
    agent.token = "x"
    assert ask(agent, "HEAD", Route.STATE).status_code == 401


def test_a_fault_is_told_without_what_was_sent(
    agent: TestAgent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_call: object) -> object:
        raise RuntimeError("broken")

    monkeypatch.setitem(LANE, ("POST", Route.ANSWERS), broken)
    answer = agent.client.post(Route.ANSWERS, data=b'{"records":"secret"}', headers=agent._headers())
    assert (answer.status_code, answer.get_json()["code"]) == (500, "server_fault")
    assert "fault at POST agent_lane.answers" in caplog.text
    assert "secret" not in caplog.text


# --- the door ----------------------------------------------------------------------------------------


def knock(app: Flask, route: str, **named: Any) -> TestResponse:
    return app.test_client().post(route, **named)


def test_only_what_is_public_is_at_the_door() -> None:
    with pytest.raises(ValueError, match=r"^not public: agent_lane\.state$"):
        door_route(Blueprint("agent_lane", "x"), "GET", Route.STATE)(agent_lane.state)  # type: ignore[arg-type]
    assert ("GET", Route.STATE) not in DOOR


def test_a_nonce_for_a_stranger_has_all_headers_and_the_epoch(app: Flask, host: Host) -> None:
    answer = knock(app, Route.CHALLENGE)
    assert answer.status_code == 200
    assert answer.get_json()["nonce"]
    assert (answer.content_type, answer.headers["Cache-Control"]) == ("application/json", "no-store")
    assert answer.headers[p.EPOCH_HEADER] == str(host.epoch.number)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"data": b"x"}, 400, "message_malformed"),
        ({"data": b""}, 400, "message_malformed"),
        ({"json": {"workstation": "1"}}, 400, "message_malformed"),
        ({"data": b"x" * 4097}, 413, "message_too_large"),
        ({"data": b"{}", "headers": {p.VERSION_HEADER: "1"}}, 426, "protocol_version"),
    ],
)
def test_what_is_no_request_for_a_session(app: Flask, sent: dict[str, Any], status: int, code: str) -> None:
    answer = knock(app, Route.SESSION, **sent)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_refusal_at_the_door_is_in_the_askers_language(app: Flask) -> None:
    chinese = knock(app, Route.SESSION, data=b"x").get_json()["message"]
    english = knock(app, Route.SESSION, data=b"x", headers={"Accept-Language": "en"}).get_json()["message"]
    assert (chinese.isascii(), english.isascii()) == (False, True)


@pytest.mark.parametrize(
    ("method", "route", "status"),
    [
        ("POST", Route.CHALLENGE, 200),
        ("POST", Route.SESSION, 400),
        ("GET", f"{Route.PACKAGE}?sha256=ab", 200),
        ("GET", Route.PHOTO, 404),
        ("GET", Route.STATE, 200),
    ],
)
def test_flask_is_not_asked(
    agent: TestAgent, app: Flask, monkeypatch: pytest.MonkeyPatch, method: str, route: str, status: int
) -> None:
    lane = app.wsgi_app
    assert isinstance(lane, FastLane)
    monkeypatch.setattr(lane, "_others", lambda *_asked: pytest.fail("went to Flask"))
    assert ask(agent, method, route).status_code == status


@pytest.mark.parametrize("route", [Route.PACKAGE, Route.STATE])
def test_head_goes_by_flask(agent: TestAgent, route: str) -> None:
    assert (ask(agent, "HEAD", route).status_code, ask(agent, "HEAD", route).data) == (200, b"")


def test_a_server_that_is_replaced_while_somebody_knocks_says_so(
    app: Flask, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_knock: object) -> object:
        host.epoch.fenced = True  # another greenlet has met the new server meanwhile
        return p.Challenge("nonce")

    monkeypatch.setitem(DOOR, ("POST", Route.CHALLENGE), slow)
    assert knock(app, Route.CHALLENGE).get_json()["code"] == "server_fenced"


def test_a_fault_at_the_door_is_told_without_what_was_sent(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_knock: object) -> object:
        raise RuntimeError("broken")

    monkeypatch.setitem(DOOR, ("POST", Route.SESSION), broken)
    answer = knock(app, Route.SESSION, data=b'{"signature":"secret"}')
    assert (answer.status_code, answer.get_json()["code"]) == (500, "server_fault")
    assert "fault at POST agent.session" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("route", [Route.CHALLENGE, Route.SESSION])
def test_other_methods_at_the_door_are_refused(app: Flask, route: str) -> None:
    assert app.test_client().get(route).status_code == 405


@pytest.mark.parametrize("route", [Route.CHALLENGE, Route.SESSION])
def test_a_replaced_server_lets_nobody_in(app: Flask, host: Host, route: str) -> None:
    host.epoch.fenced = True
    answer = knock(app, route)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "server_fenced")


def test_a_stranger_at_the_door_ends_no_server(app: Flask, host: Host) -> None:
    """The number may be true, but who brings it has not said who it is."""
    headers = {p.EPOCH_HEADER: str(later(host))}
    assert knock(app, Route.CHALLENGE, headers=headers).status_code == 200
    assert not host.epoch.fenced


# --- what is fetched ---------------------------------------------------------------------------------


def test_a_package_has_its_hash_all_headers_and_the_epoch(agent: TestAgent, host: Host) -> None:
    answer = agent.get(Route.PACKAGE)
    assert (answer.status_code, answer.content_type) == (200, "application/octet-stream")
    assert answer.get_etag() == (hashlib.sha256(answer.data).hexdigest(), False)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers[p.EPOCH_HEADER] == str(host.epoch.number)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    again = ask(agent, "GET", Route.PACKAGE, If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")


def test_a_photo_is_for_the_seat_of_who_signed_in(agent: TestAgent) -> None:
    assert (agent.get(Route.PHOTO).status_code, agent.get(Route.PHOTO).get_json()["code"]) == (
        404,
        "not_found",
    )
    agent.sign_in()
    assert agent.get(Route.PHOTO).content_type == "image/jpeg"


# --- epochs ------------------------------------------------------------------------------------------


def test_who_has_met_a_higher_epoch_ends_this_server(writer: TestAgent, host: Host) -> None:
    writer.answer(1)
    own = str(host.epoch.number)
    assert ask(writer, "GET", Route.STATE, **{p.EPOCH_HEADER: own}).status_code == 200
    met = ask(writer, "GET", Route.STATE, **{p.EPOCH_HEADER: str(later(host))})
    assert (met.status_code, met.get_json()["code"]) == (503, "server_fenced")
    for refused in (writer.send(), writer.get(Route.STATE), ask(writer, "POST", Route.STATUS)):
        assert (refused.status_code, refused.get_json()["code"]) == (503, "server_fenced")
    assert len(host.answers.events(writer.attempt)) == 1


@pytest.mark.parametrize("said", ["", "x", "-1", "9" * 40, "²", "1.5"])
def test_what_is_no_epoch_changes_nothing(agent: TestAgent, host: Host, said: str) -> None:
    headers = agent._headers() | {p.EPOCH_HEADER: said.encode().decode("latin-1")}
    assert agent.client.get(Route.STATE, headers=headers).status_code == 200
    assert not host.epoch.fenced


def test_a_paired_seat_ends_no_server_by_a_number(agent: TestAgent, host: Host) -> None:
    """Only a server of this site can have said that it began; what it said of another is no proof either."""
    true, other = later(host, 7), proven(b"o" * 32, Reign(8, 1))
    stolen = (
        Reign(8, true.since, true.proof),
        Reign(7, true.since + 1, true.proof),
        Reign(8),
        Reign(8, 1, "0" * 32),
    )
    for said in (other, *stolen):
        assert ask(agent, "GET", Route.STATE, **{p.EPOCH_HEADER: str(said)}).status_code == 200
        agent.client.post(Route.PRIMARY_GONE, headers=agent._headers() | {p.EPOCH_HEADER: str(said)})
    assert not host.epoch.fenced
    assert ask(agent, "GET", Route.STATE, **{p.EPOCH_HEADER: str(true)}).status_code == 503
    assert host.epoch.fenced


def test_a_stranger_ends_no_server(agent: TestAgent, host: Host) -> None:
    agent.token = "x"
    assert ask(agent, "GET", Route.STATE, **{p.EPOCH_HEADER: "99"}).status_code == 401
    assert not host.epoch.fenced


def test_a_batch_whose_commit_ended_after_the_fence_is_not_acknowledged(
    writer: TestAgent, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = host.answers.append

    def slow(records: list[Received]) -> object:
        verdicts = append(records)
        host.epoch.fenced = True  # another greenlet has met the new server meanwhile
        return verdicts

    monkeypatch.setattr(host.answers, "append", slow)
    writer.answer(1)
    assert writer.send().get_json()["code"] == "server_fenced"
    assert len(host.answers.events(writer.attempt)) == 2  # durable here, sent again to the other server


def test_what_was_done_or_read_while_the_server_was_replaced_is_not_acknowledged(
    writer: TestAgent, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new server may have granted the same journal: the write was over when the fence came."""
    proof_of = resuming.proof_of

    def slow(*asked: Any) -> str:
        host.epoch.fenced = True  # another greenlet has met the new server meanwhile
        return proof_of(*asked)

    monkeypatch.setattr(resuming, "proof_of", slow)
    answer = writer.post(Route.JOURNALS, p.JournalRequest(writer.attempt))
    assert (answer.status_code, answer.get_json()["code"]) == (503, "server_fenced")


# --- what a save costs -------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_save_reads_and_writes_nothing_but_the_stream(
    writer: TestAgent, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.answer(1)
    writer.sent(writer.records[-1])
    writer.beat()  # the first one tells of the machine's clock and camera
    monkeypatch.setattr(host.db, "read", lambda: pytest.fail("a save reads the database"))
    monkeypatch.setattr(host.db, "write", lambda *_args, **_named: pytest.fail("a save writes to it"))
    writer.answer(2)
    assert writer.sent(writer.records[-1]).upto == {"1": 3}
    assert writer.beat().hint == 0
    assert json.loads(writer.get(Route.STATE).data)["attempt"] == writer.attempt


def test_a_second_journal_of_the_same_machine_is_no_reason_to_look_for_forks(
    writer: TestAgent, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.open_journal()
    writer.sent()
    assert delivery_of(host).desk.machines(writer.attempt) == {writer.scene.workstations["1"]}
    writer.get(Route.STATE)
    monkeypatch.setattr(host.db, "read", lambda: pytest.fail("a save reads the database"))
    writer.answer(1)
    assert writer.sent(writer.records[-1]).upto == {"2": 2}
