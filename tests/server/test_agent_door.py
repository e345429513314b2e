"""Who gets in: pairing, challenge and session of agents, and everybody who must stay outside."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from exam_rooms import protocol as p
from exam_rooms.pairing import decode_code, spell
from exam_rooms.protocol import Route
from exam_rooms.wire import decode, encode
from server.access import Actor
from server.host import Host
from server.services import pairing
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


def test_no_token_no_answer(app: Flask, scene: Scene) -> None:
    for route in (Route.STATE, Route.PHOTO, Route.PACKAGE, Route.RECEIPT):
        answer = app.test_client().get(route)
        assert (answer.status_code, answer.get_json()["code"]) == (401, "token_missing")
    for route in (Route.SIGN_IN, Route.CONFIRM, Route.ACCEPT, Route.JOURNALS, Route.ANSWERS, Route.STATUS):
        assert app.test_client().post(route, json={}).status_code == 401


@pytest.mark.parametrize("place", [0, 8, 20, -1])
def test_a_forged_token_is_refused(agent: TestAgent, place: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(agent.token))
    raw[place] ^= 1
    agent.token = base64.urlsafe_b64encode(bytes(raw)).decode()
    assert agent.get(Route.STATE).get_json()["code"] == "token_wrong"


@pytest.mark.parametrize("token", ["", "x", "é", "AAAA", "a" * 4000])
def test_rubbish_for_a_token(agent: TestAgent, token: str) -> None:
    agent.token = token
    assert agent.get(Route.STATE).status_code == 401


def test_a_token_ends_after_twelve_hours(agent: TestAgent, machine: Machine) -> None:
    machine.advance(hours=11, minutes=59)
    assert agent.get(Route.STATE).status_code == 200
    machine.advance(minutes=1)
    assert agent.get(Route.STATE).get_json()["code"] == "token_expired"


def test_another_key_gets_no_session(app: Flask, scene: Scene) -> None:
    thief = TestAgent(app, scene, "1")
    nonce = thief.client.post(Route.CHALLENGE).get_json()["nonce"]
    workstation = scene.workstations["1"]
    signature = Ed25519PrivateKey.generate().sign(p.session_message(workstation, nonce))
    asked = p.SessionRequest(workstation, nonce, base64.b64encode(signature).decode(), "x")
    answer = thief.client.post(Route.SESSION, json=encode(asked))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "signature_wrong")


def test_a_nonce_of_somebody_else_or_too_old(app: Flask, scene: Scene, machine: Machine) -> None:
    agent = TestAgent(app, scene, "1")
    nonce = agent.client.post(Route.CHALLENGE).get_json()["nonce"]
    workstation, key = scene.workstations["1"], scene.keys["1"]

    def session(nonce: str) -> tuple[int, str]:
        signature = base64.b64encode(key.sign(p.session_message(workstation, nonce))).decode()
        asked = p.SessionRequest(workstation, nonce, signature, "x")
        answer = agent.client.post(Route.SESSION, json=encode(asked))
        return answer.status_code, answer.get_json().get("code", "")

    assert session(base64.urlsafe_b64encode(b"x" * 32).decode()) == (401, "token_wrong")
    machine.advance(seconds=60)
    assert session(nonce)[0] == 200
    machine.advance(seconds=1)
    assert session(nonce) == (401, "challenge_expired")


def test_a_released_workstation_is_out_at_once(agent: TestAgent, scene: Scene) -> None:
    scene.write(pairing.release, scene.signed(), scene.seats["1"])
    answer = agent.get(Route.STATE)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "workstation_not_paired")


@pytest.mark.both_stores
def test_pairing_by_code_and_only_once(app: Flask, scene: Scene, host: Host) -> None:
    code = scene.write(pairing.issue_code, scene.signed(), scene.seats["4"], host.site.ca_fingerprint)
    secret, fingerprint = decode_code(code)
    assert fingerprint == host.site.ca_fingerprint
    key = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    asked = encode(p.PairRequest(spell(secret), key, "pc9", "1.0"))
    first = app.test_client().post(Route.PAIR, json=asked)
    paired = decode(p.PairReply, first.get_json())
    assert (paired.seat, base64.b64decode(paired.site_key)) == ("4", host.site.public_key)
    again = app.test_client().post(Route.PAIR, json=asked)
    assert (again.status_code, again.get_json()["code"]) == (403, "pairing_code_invalid")


def test_guessing_pairing_codes_is_slowed_down(app: Flask, scene: Scene) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    codes = [
        app.test_client().post(Route.PAIR, json=encode(p.PairRequest("ABCDEFGH", key, "x", "x"))).status_code
        for _ in range(12)
    ]
    assert codes == [403] * 10 + [429] * 2


def test_another_protocol_version_is_told(agent: TestAgent) -> None:
    answer = agent.client.get(
        Route.STATE, headers={"Authorization": f"Bearer {agent.token}", p.VERSION_HEADER: "99"}
    )
    assert (answer.status_code, answer.get_json()["code"]) == (426, "protocol_version")
