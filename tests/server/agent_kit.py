"""A workstation for tests: speaks the protocol through the application's routes, keeps its own journal."""

import base64
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from exam_rooms import protocol as p
from exam_rooms.protocol import Record, RecordKind, Route, record_aad, record_digest, session_message
from exam_rooms.wire import canonical, decode, encode
from itembank.sealing import seal
from server.services import commands
from server.services.delivery import delivery_of
from tests.server.delivery_kit import Scene, id_number, right_answer
from tests.server.kept_stage import further


class TestAgent:
    """A workstation that speaks the protocol through the application's routes."""

    __test__ = False

    def __init__(self, app: Flask, scene: Scene, seat: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.scene = scene
        self.seat = seat
        self.token = ""
        self.boot_id = f"boot-{seat}"
        self.version = 0
        self.attempt = 0
        self.journal = 0
        self.key = b""
        self.records: list[Record] = []

    def open_session(self) -> None:
        workstation, key = self.scene.workstations[self.seat], self.scene.keys[self.seat]
        nonce = self.client.post(Route.CHALLENGE).get_json()["nonce"]
        signature = base64.b64encode(key.sign(session_message(workstation, nonce))).decode()
        asked = p.SessionRequest(workstation, nonce, signature, "test")
        answer = self.client.post(Route.SESSION, json=encode(asked))
        assert answer.status_code == 200, answer.text
        self.token = decode(p.SessionReply, answer.get_json()).token

    def post(self, route: str, message: object) -> TestResponse:
        return self.client.post(route, json=encode(message), headers=self._headers())

    def get(self, route: str) -> TestResponse:
        return self.client.get(route, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", p.VERSION_HEADER: str(p.VERSION)}

    def state(self) -> p.SeatState:
        answer = self.get(Route.STATE)
        assert answer.status_code == 200, answer.text
        state = decode(p.SeatState, answer.get_json())
        self.version = state.version
        return state

    def sign_in(self, seat: str = "") -> TestResponse:
        """Signs in with the ticket of this seat's candidate, or of another seat's."""
        number = seat or self.seat
        asked = p.SignInRequest(self.scene.tickets[number], id_number(int(number) - 1))
        return self.post(Route.SIGN_IN, asked)

    def enter(self) -> None:
        """From the door to the waiting screen, with an invigilator who admits."""
        if not self.token:
            self.open_session()
        assert self.sign_in().status_code == 200
        attempt = self.scene.attempts[self.seat]
        self.scene.write(commands.admit, self.scene.invigilator, attempt)
        assert self.post(Route.CONFIRM, p.ConfirmRequest(True)).status_code == 200
        assert self.post(Route.ACCEPT, p.AcceptRequest("2026-11", True)).status_code == 200

    def open_journal(self, attempt: int = 0) -> TestResponse:
        self.attempt = attempt or self.scene.attempts[self.seat]
        answer = self.post(Route.JOURNALS, p.JournalRequest(self.attempt))
        if answer.status_code == 200:
            granted = decode(p.JournalReply, answer.get_json())
            self.journal, self.key, self.records = granted.journal, base64.b64decode(granted.key), []
            self.parent = granted.parent
            self.write(RecordKind.OPEN)
        return answer

    def write(self, kind: RecordKind, item: str = "", response: tuple[str, ...] = ()) -> Record:
        """Appends a record to the journal on this machine; nothing is sent yet."""
        seq = len(self.records) + 1
        body = canonical({"response": list(response)} if kind is RecordKind.ANSWER else {})
        sealed = seal(self.key, body, record_aad(self.attempt, self.journal, seq))
        record = Record(
            attempt=self.attempt,
            journal=self.journal,
            seq=seq,
            kind=kind,
            item=item,
            body=base64.b64encode(sealed).decode(),
            boot_id=self.boot_id,
            boot_ns=self.scene.host.clock._look().boot_ns,
            prev=self.records[-1].hash if self.records else self.parent,
            hash="",
        )
        record = replace(record, hash=record_digest(record))
        self.records.append(record)
        return record

    def answer(self, number: int, letter: str = "") -> Record:
        return self.write(RecordKind.ANSWER, f"item-{number}", (letter or right_answer(number),))

    def send(self, *records: Record) -> TestResponse:
        return self.post(Route.ANSWERS, p.AnswersRequest(records or tuple(self.records)))

    def sent(self, *records: Record) -> p.AnswersReply:
        answer = self.send(*records)
        assert answer.status_code == 200, answer.text
        return decode(p.AnswersReply, answer.get_json())

    def beat(self, waiting: int = 0, **told: Any) -> p.StatusReply:
        """A heartbeat that knows the newest state."""
        told = {"state_version": self.version, "attempt": self.attempt or None, **told}
        end = {"journal": self.journal, "seq": len(self.records)} if self.records else {}
        clock = {"boot_id": self.boot_id, "boot_ns": self.scene.host.clock._look().boot_ns}
        asked = p.StatusRequest(waiting=waiting, **{**clock, **end, **told})
        answer = self.post(Route.STATUS, asked)
        assert answer.status_code == 200, answer.text
        return decode(p.StatusReply, answer.get_json())


def seated(app: Flask, scene: Scene, seats: Iterable[str]) -> dict[str, TestAgent]:
    """Workstations of these seats at the waiting screen; on SQLite the way there is gone once.

    Whoever gets the copied rows is heard again, as after a start of the server: that is all that memory holds.
    """
    agents = {seat: TestAgent(app, scene, seat) for seat in seats}

    def enter() -> dict[str, str]:
        for agent in agents.values():
            agent.enter()
        return {seat: agent.token for seat, agent in agents.items()}

    tokens = further(scene.host, ("seated", *agents), enter)
    delivery = delivery_of(scene.host)
    for seat, agent in agents.items():
        agent.token = tokens[seat]
        delivery.links.heard(delivery.door.admit(agent.token, scene.host.now()), scene.host.now())
    return agents
