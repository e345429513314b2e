"""A room behind Safe Exam Browser: set-up on the record, seats that prove it, and who stays outside."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from exam_rooms import protocol as p
from exam_rooms.kiosk_messages import SebProof, SebState
from exam_rooms.protocol import Route, Step
from exam_rooms.wire import decode, encode
from server.access import Actor
from server.db.record import AuditEntry
from server.db.rooms import Room
from server.db.seb import SebRoom
from server.db.sittings import Incident
from server.errors import Forbidden, Refused
from server.events import SeatChanged, SebChanged
from server.host import Host
from server.rules.seb.config import write_plist
from server.rules.seb.file import read_seb
from server.rules.seb.proof import header_hash
from server.rules.seb.safe_settings import SebPlan, safe_settings, start_url
from server.rules.seb.seb_json import config_key
from server.rules.seb.uploaded import uploaded
from server.services import audit, rooms, seb
from server.services.delivery import delivery_of
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

URL = start_url(18080)
PLAN = SebPlan(18080, "leave-the-exam")
SETTINGS = safe_settings(PLAN)
KEY = config_key(SETTINGS)
GOOD = SebProof(URL, header_hash(URL, KEY), "", "SEB_Win_3.7.0")
WRONG = SebProof(URL, header_hash(URL, "0" * 64), "", "SEB_Win_3.7.0")
WITHOUT = SebProof(URL, "")


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def admin(person_as: Callable[..., Actor]) -> Signed:
    return Signed(person_as("administrator"), "new settings")


@pytest.fixture
def room(scene: Scene, admin: Signed) -> Scene:
    """The scene with SEB in its room."""
    assert scene.write(seb.make, admin, scene.room, PLAN) == KEY
    return scene


@pytest.fixture
def agent(app: Flask, room: Scene) -> TestAgent:
    made = TestAgent(app, room, "1")
    made.open_session()
    return made


def proved(agent: TestAgent, proof: SebProof) -> SebState:
    answer = agent.post(Route.SEB, proof)
    assert answer.status_code == 200, answer.text
    return decode(p.SeatState, answer.get_json()).seb


def acts(host: Host, stream: str) -> list[str]:
    with host.db.read() as session:
        query = select(AuditEntry.act).where(AuditEntry.stream == stream).order_by(AuditEntry.seq)
        return [act for act in session.scalars(query) if act.startswith("seb")]


def incidents(host: Host) -> list[tuple[str, str]]:
    with host.db.read() as session:
        return [(row.kind, row.state) for row in session.scalars(select(Incident))]


@pytest.mark.both_stores
def test_set_up_is_sealed_kept_and_on_the_record(host: Host, room: Scene, admin: Signed) -> None:
    with host.db.read() as session:
        setup = seb.setup_of(session, room.room)
        row = session.get_one(SebRoom, room.room)
        stored = row.sealed_settings + (row.sealed_quit_password or b"")
    assert setup is not None
    assert (setup.source, setup.port, setup.config_key, setup.quit_password) == (
        "made",
        18080,
        KEY,
        "leave-the-exam",
    )
    assert b"leave-the-exam" not in stored and b"hashedQuitPassword" not in stored
    data = room.write(seb.file_for, admin.actor, room.room, "")
    assert config_key(read_seb(data)) == KEY
    sealed = room.write(seb.file_for, admin.actor, room.room, "on the stick")
    assert read_seb(sealed, "on the stick") == SETTINGS
    room.write(seb.set_exam_keys, admin, room.room, ("1" * 64,))
    own = uploaded({"startURL": start_url(19000), "sendBrowserExamKey": True})
    room.write(seb.take, admin, room.room, own)
    with host.db.read() as session:
        after = seb.setup_of(session, room.room)
    assert after is not None
    assert (after.source, after.port, after.exam_keys, after.quit_password) == ("uploaded", 19000, (), "")
    room.write(seb.drop, admin, room.room)
    with host.db.read() as session:
        assert seb.setup_of(session, room.room) is None
        assert not audit.verify(session, "system").breaks
    made = ["seb_set_up", *["seb_file_taken_out"] * 2, *["seb_set_up"] * 2, "seb_dropped"]
    assert acts(host, "system") == made
    # the sitting of the scene is open: its own record tells the same
    assert acts(host, f"sitting/{room.room_sitting}") == made


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (SebPlan(80, "leave-the-exam"), "seb_port"),
        (SebPlan(70000, "leave-the-exam"), "seb_port"),
        (SebPlan(18080, "short"), "seb_password_length"),
        (SebPlan(18080, "口令口令口令口令"), "seb_password_plain"),
    ],
)
def test_bad_plans_are_refused(scene: Scene, admin: Signed, plan: SebPlan, code: str) -> None:
    with pytest.raises(Refused, match=code):
        scene.write(seb.make, admin, scene.room, plan)


def test_a_change_while_the_paper_is_open_needs_a_reason(scene: Scene, admin: Signed) -> None:
    with pytest.raises(Refused, match="reason_missing"):
        scene.write(seb.make, Signed(admin.actor), scene.room, PLAN)
    with pytest.raises(Forbidden):
        scene.write(seb.make, Signed(scene.chief, "why"), scene.room, PLAN)


def test_a_seat_proves_signs_in_and_opens_its_journal(
    agent: TestAgent, room: Scene, machine: Machine
) -> None:
    assert agent.state().seb is SebState.WANTED
    refused = agent.sign_in()
    assert (refused.status_code, refused.get_json()["code"]) == (403, "seb_required")
    assert proved(agent, GOOD) is SebState.GOOD
    agent.enter()
    machine.advance(minutes=10)
    room.start()
    assert agent.state().step is Step.ANSWERING
    assert agent.open_journal().status_code == 200
    assert acts(room.host, f"sitting/{room.room_sitting}")[-1] == "seb_proved"


def test_other_settings_keep_the_candidate_out_and_call_people(agent: TestAgent, room: Scene) -> None:
    seen: list[SeatChanged] = []
    room.host.events.subscribe(SeatChanged, seen.append)
    assert proved(agent, WRONG) is SebState.WRONG
    assert seen, "the seat and the monitor are told"
    assert agent.sign_in().get_json()["code"] == "seb_mismatch"
    assert incidents(room.host) == [("SEB_MISMATCH", "raised")]
    assert proved(agent, WRONG) is SebState.WRONG  # the same again is no news
    assert acts(room.host, f"sitting/{room.room_sitting}").count("seb_mismatched") == 1
    assert proved(agent, GOOD) is SebState.GOOD
    assert incidents(room.host) == [("SEB_MISMATCH", "cleared")]
    assert agent.sign_in().status_code == 200


def test_another_browser_after_seb_is_asked_again(agent: TestAgent) -> None:
    proved(agent, GOOD)
    assert proved(agent, WITHOUT) is SebState.WANTED
    assert agent.sign_in().get_json()["code"] == "seb_required"


def test_a_journal_is_not_opened_behind_other_settings(
    agent: TestAgent, room: Scene, machine: Machine
) -> None:
    proved(agent, GOOD)
    agent.enter()
    machine.advance(minutes=10)
    room.start()
    proved(agent, WRONG)
    assert agent.open_journal().get_json()["code"] == "seb_mismatch"


def test_a_paper_under_way_goes_on_saving(agent: TestAgent, room: Scene, machine: Machine) -> None:
    proved(agent, GOOD)
    agent.enter()
    machine.advance(minutes=10)
    room.start()
    agent.open_journal()
    agent.answer(1)
    proved(agent, WRONG)
    assert agent.sent().upto == {"1": 2}


def test_a_new_session_has_to_prove_again(agent: TestAgent) -> None:
    proved(agent, GOOD)
    agent.open_session()
    assert agent.state().seb is SebState.WANTED


def test_new_settings_ask_every_seat_again(agent: TestAgent, room: Scene, admin: Signed) -> None:
    proved(agent, GOOD)
    other = SebPlan(18080, "another-password")
    room.write(seb.make, admin, room.room, other)
    assert agent.state().seb is SebState.WANTED
    assert proved(agent, GOOD) is SebState.WRONG
    assert proved(agent, SebProof(URL, header_hash(URL, config_key(safe_settings(other))))) is SebState.GOOD
    room.write(seb.drop, admin, room.room)
    assert agent.state().seb is SebState.NOT_NEEDED
    assert agent.sign_in().status_code == 200


def test_a_room_without_seb_asks_nothing_and_keeps_nothing(app: Flask, scene: Scene) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    assert proved(agent, WRONG) is SebState.NOT_NEEDED
    assert agent.sign_in().status_code == 200
    assert incidents(scene.host) == []


def test_one_seat_says_nothing_about_another(app: Flask, agent: TestAgent, room: Scene) -> None:
    proved(agent, GOOD)
    second = TestAgent(app, room, "2")
    second.open_session()
    assert second.state().seb is SebState.WANTED
    assert agent.state().seb is SebState.GOOD


def test_the_right_header_without_pairing_opens_nothing(app: Flask, agent: TestAgent) -> None:
    stranger = app.test_client()
    assert stranger.post(Route.SEB, json=encode(GOOD)).status_code == 401
    forged = {"Authorization": "Bearer " + "A" * len(agent.token)}
    assert stranger.post(Route.SEB, json=encode(GOOD), headers=forged).status_code == 401
    assert agent.state().seb is SebState.WANTED
    headers = {"X-SafeExamBrowser-ConfigKeyHash": GOOD.config_key_hash}
    assert stranger.get(Route.STATE, headers=headers).status_code == 401
    assert (
        stranger.post(Route.SIGN_IN, json={"ticket": "x", "id_number": "y"}, headers=headers).status_code
        == 401
    )


def test_a_verdict_older_than_the_settings_is_not_kept(agent: TestAgent, room: Scene) -> None:
    seats, station = delivery_of(room.host).seb, room.workstations["1"]
    begun = seats.begun(station)
    seats.forget_all()
    seats.put(station, SebState.GOOD, begun)
    assert seats.of(station) is SebState.WANTED
    begun = seats.begun(station)
    seats.forget(room.workstations["2"])  # another seat's new session is none of its business
    seats.put(station, SebState.GOOD, begun)
    assert seats.of(station) is SebState.GOOD


def test_malformed_proofs_are_refused(agent: TestAgent) -> None:
    answer = agent.client.post(Route.SEB, json={"url": 1}, headers=agent._headers())
    assert (answer.status_code, answer.get_json()["code"]) == (400, "message_malformed")
    long = replace(GOOD, url="u" * 5000)
    assert agent.post(Route.SEB, long).status_code == 413


def test_browser_exam_keys_count_when_pasted(agent: TestAgent, room: Scene, admin: Signed) -> None:
    room.write(seb.set_exam_keys, admin, room.room, ("7" * 64,))
    assert proved(agent, GOOD) is SebState.WRONG
    both = replace(GOOD, browser_exam_key_hash=header_hash(URL, "7" * 64))
    assert proved(agent, both) is SebState.GOOD


@pytest.mark.both_stores
def test_a_room_goes_with_its_settings(host: Host, admin: Signed) -> None:
    def add(session) -> int:
        row = Room(name="空", layout={}, created_at=host.now())
        session.add(row)
        session.flush()
        return row.id

    room_id = host.db.write(add)
    own = uploaded({"startURL": URL, "sendBrowserExamKey": True})
    host.db.write(seb.take, admin, room_id, own, now=host.now())
    told: list[SebChanged] = []
    host.events.subscribe(SebChanged, told.append)
    host.db.write(rooms.delete_room, admin.actor, room_id, now=host.now())
    assert told == [SebChanged(room_id)]  # SQLite gives the number to the next room: what is kept of it goes
    with host.db.read() as session:
        assert session.scalars(select(SebRoom)).all() == []
    assert write_plist({}) != own.plist
