"""What strangers and broken agents send: refused with a reason, cheaply, and never a fault of the server."""

import io
import json
import time
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import create_environ, run_wsgi_app

from exam_rooms import protocol as p
from exam_rooms.pairing import spell
from exam_rooms.protocol import Route
from exam_rooms.wire import encode
from server.access import Actor
from server.errors import Refused
from server.host import Host
from server.services.cases import read_strokes
from server.services.delivery import delivery_of
from server.services.staff_incidents import Sighting, report
from server.web.agent_message import ANSWERS_MOST, DOOR_MOST, MESSAGE_MOST
from tests.server.agent_kit import TestAgent
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


def send(agent: TestAgent, route: str, body: bytes | str) -> tuple[int, str]:
    answer = agent.client.post(route, data=body, headers=agent._headers(), content_type="application/json")
    return answer.status_code, answer.get_json().get("code", "")


# --- sizes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "most"),
    [
        (Route.PAIR, DOOR_MOST),
        (Route.SESSION, DOOR_MOST),
        (Route.SIGN_IN, MESSAGE_MOST),
        (Route.STATUS, MESSAGE_MOST),
        (Route.ALERT, MESSAGE_MOST),
        (Route.ANSWERS, ANSWERS_MOST),
    ],
)
def test_a_message_has_its_largest_size(agent: TestAgent, route: str, most: int) -> None:
    longest = json.dumps({"x": "x" * (most - 9)})
    assert len(longest) == most
    assert send(agent, route, longest) == (400, "message_malformed")
    assert send(agent, route, longest + " ") == (413, "message_too_large")


def test_a_size_that_was_not_announced_is_no_way_around(app: Flask, scene: Scene) -> None:
    environ = create_environ(Route.PAIR, method="POST", content_type="application/json")
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"wsgi.input": io.BufferedReader(_Brackets()), "wsgi.input_terminated": True}
    body, status, _headers = run_wsgi_app(app, environ)
    assert (status[:3], json.loads(b"".join(body))["code"]) == ("400", "message_malformed")


class _Brackets(io.RawIOBase):
    """A body without an end."""

    given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray) -> int:
        self.given += len(target)
        assert self.given <= 4 * DOOR_MOST  # what nobody asked for stays unread
        target[:] = b"[" * len(target)
        return len(target)


def test_the_largest_batch_of_answers_is_taken(agent: TestAgent) -> None:
    record = p.Record(1, 1, 1, p.RecordKind.ANSWER, "题" * 64, "x" * 2048, "b" * 64, 1, "0" * 64, "0" * 64)
    body = json.dumps(encode(p.AnswersRequest((record,) * 200)))
    assert len(body) < ANSWERS_MOST
    assert send(agent, Route.ANSWERS, body) == (403, "journal_not_yours")


def test_pairing_with_an_endless_secret_costs_nothing_and_counts(app: Flask, scene: Scene) -> None:
    client, began = app.test_client(), time.process_time()
    asked = {"secret": "Z" * 300_000, "public_key": "", "hostname": "x", "software": "y"}
    codes = [client.post(Route.PAIR, json=asked).status_code for _ in range(11)]
    assert codes == [413] * 10 + [429]
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "body",
    [b"{", b"[" * 4000, b'{"secret": 1}', b'{"secret":"","public_key":"","hostname":"","software":""}'],
)
def test_malformed_pairing_counts_as_a_failed_try(
    app: Flask, scene: Scene, host: Host, client: FlaskClient, body: bytes
) -> None:
    for _ in range(delivery_of(host).tries.limit):
        assert client.post(Route.PAIR, data=body).status_code == 400
    good = {"secret": spell(b"12345"), "public_key": "", "hostname": "x", "software": "y"}
    assert client.post(Route.PAIR, json=good).status_code == 429


# --- text and numbers that no store can keep -----------------------------------------------------------


@pytest.mark.parametrize("route", [Route.PAIR, Route.SESSION, Route.SIGN_IN, Route.ANSWERS])
@pytest.mark.parametrize("body", ["[" * 4000, '{"secret":' * 400, "{" + '"a":[' * 600])
def test_brackets_without_end_are_malformed(agent: TestAgent, route: str, body: str) -> None:
    assert send(agent, route, body) == (400, "message_malformed")


def test_two_hundred_thousand_brackets_are_malformed(agent: TestAgent) -> None:
    assert send(agent, Route.ANSWERS, "[" * 200_000) == (400, "message_malformed")


@pytest.mark.both_stores
@pytest.mark.parametrize("text", ["\\u0000", "T\\u0000", "\\ud800", "\\udfff"])
def test_text_that_no_store_keeps_is_malformed(agent: TestAgent, text: str) -> None:
    ticket = f'{{"ticket":"{text}","id_number":"1"}}'
    assert send(agent, Route.SIGN_IN, ticket) == (400, "message_malformed")
    beat = f'{{"boot_id":"{text}","boot_ns":1,"state_version":0}}'
    assert send(agent, Route.STATUS, beat) == (400, "message_malformed")
    camera = f'{{"boot_id":"b","boot_ns":1,"state_version":0,"camera":{{"identity":"{text}"}}}}'
    assert send(agent, Route.STATUS, camera) == (400, "message_malformed")


@pytest.mark.both_stores
@pytest.mark.parametrize("number", [-(10**30), -(2**63), -(2**31) - 1, -1, 2**31, 2**40, 2**63 - 1, 10**30])
def test_numbers_that_no_row_has_are_refused(agent: TestAgent, number: int) -> None:
    nonce = agent.client.post(Route.CHALLENGE).get_json()["nonce"]
    signed = {"workstation": number, "nonce": nonce, "signature": "", "software": ""}
    told = {"boot_id": "b", "boot_ns": number, "state_version": number, "attempt": number, "journal": number}
    record = p.Record(number, 1, 1, p.RecordKind.OPEN, "", "", "b", 1, "0" * 64, "0" * 64)
    clock = {
        "episode": "0" * 16,
        "kind": "LOOKING_AWAY",
        "boot_id": "b",
        "since_ns": number,
        "boot_ns": number,
    }
    enrolled = {"template": "", "likeness": "same", "count": 1, "spread": 1, "boot_id": "b", "boot_ns": 1}
    for route, body in (
        (Route.SESSION, signed),
        (Route.JOURNALS, {"attempt": number}),
        (Route.ANSWERS, encode(p.AnswersRequest((record,)))),
        (Route.STATUS, told),
        (Route.WARNING_READ, {"warning": number}),
        (Route.ALERT, {"attempt": number, **clock}),
        (Route.ENROLMENT, {"attempt": number, **enrolled}),
        (Route.CAPTURE, {"attempt": number, "number": number, "boot_id": "b", "boot_ns": number}),
    ):
        status, _ = send(agent, route, json.dumps(body))
        assert 200 <= status < 500, (route, status)
        assert route == Route.STATUS or status >= 400


@pytest.mark.both_stores
def test_half_a_picture_name_is_refused(agent: TestAgent) -> None:
    answer = agent.client.post(f"{Route.FRAMES}?sha256=%00", data=b"\xff\xd8", headers=agent._headers())
    assert answer.status_code in (400, 404)


@pytest.mark.both_stores
def test_a_name_with_nul_is_the_name_without(client: FlaskClient, password: str, person_as) -> None:
    person_as("invigilator", username="wang")
    wrong = client.post("/login", data={"username": "\0nobody\0", "password": password})
    assert wrong.status_code == 422
    right = client.post("/login", data={"username": "wa\0ng", "password": password})
    assert right.status_code == 302


@pytest.mark.both_stores
@pytest.mark.parametrize("number", [2**31, 2**63, 10**30])
def test_paths_with_numbers_that_no_row_has_are_not_found(
    client_as: Callable[..., FlaskClient], number: int
) -> None:
    browser = client_as("administrator")
    for path in (f"/staff/{number}", f"/banks/{number}", f"/monitor/{number}", f"/rooms/{number}"):
        assert browser.get(path).status_code == 404, path


HUGE = ["9" * 20, "9" * 5000, "٣"]


@pytest.mark.both_stores
@pytest.mark.parametrize("number", HUGE)
def test_forms_with_numbers_that_no_row_has_are_refused_and_no_fault(
    scene: Scene, sign_in: Callable[[Actor], FlaskClient], number: str
) -> None:
    browser, room = sign_in(scene.invigilator), f"/monitor/{scene.room_sitting}"
    assert browser.get("/cases", query_string={"sitting": number}).status_code == 404
    report = {"kind": "PHONE", "seat": number, "note": "一部手机"}
    assert browser.post(f"{room}/report", data=report).status_code == 422
    case = {"person": str(scene.attempts["1"]), "incident": number}
    assert browser.post(f"{room}/cases/new", data=case).status_code < 500
    for path, field in (("looks", "seat"), ("start", "present"), ("incidents/1", "seat")):
        assert browser.post(f"{room}/{path}", data={field: number}).status_code < 500, path
    assert (
        browser.get(f"{room}/seats/{scene.seats['1']}/warn", query_string={"incident": number}).status_code
        < 500
    )


def test_a_number_that_sqlite_cannot_take_is_a_bad_request(client_as: Callable[..., FlaskClient]) -> None:
    assert client_as("auditor").get("/audit", query_string={"before": "9" * 20}).status_code == 400


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 100_000])
def test_plans_of_brackets_without_end_are_refused(
    client_as: Callable[..., FlaskClient], scene: Scene, body: str
) -> None:
    browser = client_as("administrator")
    for path in ("plan", "plan/check"):
        answer = browser.post(f"/rooms/{scene.room}/{path}", data=body, content_type="application/json")
        assert (answer.status_code, "problem" in answer.get_json()) == (422, True), path


def test_a_signature_of_brackets_without_end_is_none() -> None:
    with pytest.raises(Refused, match="signature_not_drawn"):
        read_strokes("[" * 30_000)


def test_a_report_of_another_year_is_refused(scene: Scene) -> None:
    seat = scene.seats["1"]
    earliest = scene.host.now().replace(year=1990)
    with pytest.raises(Refused, match="report_too_early"):
        scene.write(report, scene.invigilator, Sighting(scene.room_sitting, "PHONE", seat, earliest, "手机"))
