"""Liveness at sign-in: who is asked for what, what is kept of it, and whom it calls. It blocks nobody."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.challenge import ChallengeNote, ChallengePlan, ChallengeResult
from exam_rooms.protocol import Route, Step
from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Batch, Incident
from server.db.watching import Enrolment
from server.host import Host
from server.services import enrolments
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip, rules

SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agent(app: Flask, scene: Scene) -> CameraAgent:
    """At the waiting screen, with consent."""
    made = CameraAgent(app, scene, "1")
    made.wait()
    made.beat()
    return made


def asked(agent: CameraAgent) -> ChallengePlan | None:
    plan = agent.state().watch
    assert plan is not None
    return plan.challenge


def steps(scene: Scene, number: int | None) -> None:
    """Changes the frozen policy; None: a batch frozen when policies said nothing of it."""

    def change(session) -> None:
        batch = session.get_one(Batch, 1)
        rest = {name: value for name, value in batch.policy.items() if name != "challenge"}
        told = {} if number is None else {"challenge": {"steps": number, "seconds": 8.0, "tries": 2}}
        batch.policy = rest | told

    scene.host.db.write(change)


def rows(host: Host) -> list[Enrolment]:
    with host.db.read() as session:
        return session.query(Enrolment).order_by(Enrolment.id).all()


def raised(host: Host) -> list[tuple[str, dict[str, Any]]]:
    with host.db.read() as session:
        found = session.query(Incident).filter(Incident.kind.in_(("LIVENESS_DOUBT", "ENROLMENT_DOUBT")))
        return [(row.kind, row.details) for row in found.order_by(Incident.id)]


# --- who is asked -------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_who_is_to_be_enrolled_is_asked_for_the_same_until_it_is_done(agent: CameraAgent) -> None:
    plan = asked(agent)
    assert plan is not None
    assert (len(plan.orders), {len(order) for order in plan.orders}, plan.seconds) == (3, {2}, 10.0)
    assert asked(agent) == plan
    agent.taken(Route.ENROLMENT, agent.enrolment(challenge=ChallengeNote("passed", 1)))
    assert asked(agent) is None


@pytest.mark.parametrize(("number", "orders"), [(None, None), (0, None), (1, 2), (3, 2)])
def test_the_frozen_policy_says_how_much(app: Flask, scene: Scene, number, orders) -> None:
    steps(scene, number)  # before anything is read of the room: a frozen policy is remembered
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    plan = asked(agent)
    assert (None if plan is None else len(plan.orders)) == orders
    if plan is not None:
        assert {len(order) for order in plan.orders} == {number}


def test_without_consent_nothing_is_asked(app: Flask, scene: Scene) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait(consent=False)
    assert asked(agent) is None
    told = agent.enrolment(challenge=ChallengeNote("passed", 1))
    assert agent.refused(Route.ENROLMENT, told) == (403, "no_face_consent")


def test_another_enrolment_asks_in_another_order(host: Host, scene: Scene, agent: CameraAgent) -> None:
    first = asked(agent)
    agent.taken(Route.ENROLMENT, agent.enrolment())
    host.db.write(enrolments.again, scene.invigilator, agent.attempt, now=host.now())
    second = asked(agent)
    assert first is not None and second is not None
    assert first.orders != second.orders


def test_who_was_at_it_when_the_paper_opened_is_still_told_of_and_who_is_enrolled_anew_is_not(
    app: Flask, host: Host, scene: Scene, machine: Machine
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    assert asked(agent) is not None  # the seat answers that it was skipped
    agent.taken(Route.ENROLMENT, agent.enrolment(challenge=ChallengeNote("skipped")))
    host.db.write(enrolments.again, scene.invigilator, agent.attempt, now=host.now())
    assert asked(agent) is None


# --- what comes of it ---------------------------------------------------------------------------------


@pytest.mark.both_stores
@pytest.mark.parametrize(
    ("result", "kinds"),
    [
        ("passed", []),
        ("unavailable", []),
        ("failed", ["LIVENESS_DOUBT"]),
        ("timed_out", ["ENROLMENT_DOUBT"]),
        ("declined", ["ENROLMENT_DOUBT"]),
        ("skipped", ["ENROLMENT_DOUBT"]),
    ],
)
def test_people_are_called_and_nobody_is_kept_from_the_exam(
    host: Host, scene: Scene, machine: Machine, agent: CameraAgent, result: str, kinds: list[str]
) -> None:
    note = ChallengeNote(result, 2, "flat" if result == "failed" else "", {"yaw": 24.0})
    agent.taken(Route.ENROLMENT, agent.enrolment(challenge=note))
    (row,) = rows(host)
    assert row.challenge == result
    assert row.challenge_note == {"tries": 2, "reason": note.reason, "scores": {"yaw": 24.0}}
    found = raised(host)
    assert [kind for kind, _details in found] == kinds
    for _kind, details in found:
        assert details["challenge"] == result
    machine.advance(minutes=10)
    scene.start()
    assert agent.state().step == Step.ANSWERING
    with host.db.read() as session:
        assert session.get_one(Attempt, agent.attempt).state == AttemptState.ANSWERING


@pytest.mark.parametrize(("off", "called"), [(-0.01, True), (0.0, False), (0.3, False)])
def test_a_face_that_seems_a_picture_calls_people(
    host: Host, scene: Scene, agent: CameraAgent, off: float, called: bool
) -> None:
    score = rules(scene).hints.liveness_below + off
    agent.taken(Route.ENROLMENT, agent.enrolment(liveness=score, challenge=ChallengeNote("passed", 1)))
    assert [kind for kind, _details in raised(host)] == ["LIVENESS_DOUBT"] * called
    assert [details["scores"]["liveness"] for _kind, details in raised(host)] == [score] * called
    assert rows(host)[0].liveness == score


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("flat", "LIVENESS_DOUBT"),
        ("other_face", "LIVENESS_DOUBT"),
        ("wrong_step", "ENROLMENT_DOUBT"),
        ("no_face", "ENROLMENT_DOUBT"),
        ("", "ENROLMENT_DOUBT"),
    ],
)
def test_who_only_did_not_get_it_done_is_not_said_to_hold_up_a_picture(
    host: Host, agent: CameraAgent, reason: str, kind: str
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(challenge=ChallengeNote("failed", 3, reason)))
    ((found, details),) = raised(host)
    assert (found, details["challenge"], details["challenge_reason"]) == (kind, "failed", reason)


def test_who_declined_and_looks_like_a_picture_is_both_checked_and_looked_at(
    host: Host, agent: CameraAgent
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(liveness=0.0, challenge=ChallengeNote("declined")))
    assert {kind for kind, _details in raised(host)} == {"LIVENESS_DOUBT", "ENROLMENT_DOUBT"}


@pytest.mark.parametrize("said", [None, ChallengeNote()])
def test_a_seat_that_passes_over_what_it_was_asked_is_shown_as_unable(
    host: Host, agent: CameraAgent, said: ChallengeNote | None
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(challenge=said))
    (row,) = rows(host)
    assert (row.challenge, row.challenge_note, row.liveness) == ("unavailable", None, None)
    assert raised(host) == []


def test_what_nobody_asked_for_cannot_have_been_passed(app: Flask, scene: Scene) -> None:
    steps(scene, 0)
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    agent.beat()
    told = agent.enrolment(challenge=ChallengeNote("passed", 1))
    assert agent.post(Route.ENROLMENT, told).status_code == 400
    agent.taken(Route.ENROLMENT, agent.enrolment())
    assert [row.challenge for row in rows(scene.host)] == [""]


def test_sent_again_it_calls_nobody_twice(host: Host, agent: CameraAgent) -> None:
    told = agent.enrolment(challenge=ChallengeNote("timed_out", 3))
    agent.taken(Route.ENROLMENT, told)
    agent.taken(Route.ENROLMENT, told)
    ((_kind, details),) = raised(host)
    assert details.get("count", 1) == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"liveness": 1.01}, "liveness"),
        ({"liveness": -0.01}, "liveness"),
        ({"challenge": ChallengeNote("won")}, "challenge"),
        ({"challenge": ChallengeNote("failed", 1, "because")}, "challenge"),
        ({"challenge": ChallengeNote("failed", -1)}, "challenge"),
        ({"challenge": ChallengeNote("failed", 4)}, "challenge"),
        ({"challenge": ChallengeNote("passed", 0)}, "challenge"),
        ({"challenge": ChallengeNote("timed_out", 0)}, "challenge"),
        ({"challenge": ChallengeNote("failed", 1, "", {"yaw": math.inf})}, "scores"),
        ({"challenge": ChallengeNote("failed", 1, "", {f"n{n}": 1.0 for n in range(17)})}, "scores"),
    ],
)
def test_values_that_cannot_be_are_refused(host: Host, agent: CameraAgent, changed, field: str) -> None:
    answer = agent.post(Route.ENROLMENT, agent.enrolment(**changed))
    assert answer.status_code == 400
    assert field in answer.text
    assert rows(host) == []


# --- what people see ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "words"),
    [
        (ChallengeNote("passed", 1), ["已通过"]),
        (ChallengeNote("failed", 3, "flat"), ["未通过（画面像平面图片）", "做了 3 次"]),
        (ChallengeNote("declined", 0), ["考生表示无法完成，请人工核对本人和证件"]),
        (ChallengeNote("unavailable", 0), ["考试机无法检测"]),
    ],
)
def test_the_seat_panel_says_how_it_ended(
    scene: Scene, agent: CameraAgent, sign_in: SignIn, note: ChallengeNote, words: list[str]
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(challenge=note, liveness=0.91))
    panel = sign_in(scene.invigilator).get(f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}").text
    assert "活体检测" in panel
    assert "活体得分 0.91" in panel
    for each in words:
        assert each in panel


def test_the_audit_tells_no_scores(host: Host, agent: CameraAgent) -> None:
    note = ChallengeNote("failed", 3, "flat", {"similarity": 0.1234})
    agent.taken(Route.ENROLMENT, agent.enrolment(challenge=note))
    with host.db.read() as session:
        told = [str(entry.details) for entry in session.query(AuditEntry).filter_by(act="enrolled")]
    assert told
    assert not any("0.1234" in each for each in told)


def test_every_result_has_its_words() -> None:
    from server.web import camera_words

    assert set(camera_words.CHALLENGES) == {str(each) for each in ChallengeResult if each}
