"""A normal session of sixty seats from the desk to the last answer: everybody counted, nobody twice."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from exam_rooms.protocol import AcceptRequest, SignInRequest
from exam_rooms.seats import AttemptState
from server.access import Actor
from server.host import Host
from server.live.watch import Watch
from server.rules.policy_desk import DeskRules
from server.services import attempts, collection, roomstate, seat_state, signin
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS, Scene, make_scene
from tests.server.signin_kit import Desk, change_policy, code_of, id_of, more_candidates, real_tickets
from tests.server.smart_kit import agent_of

SEATS = 60
THROUGH_PAGES = 12
"""The rest is signed in at another desk, without its pages."""
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = make_scene(host, person_as, candidates=4)
    real_tickets(made)
    more_candidates(made, SEATS)
    change_policy(made, desk=DeskRules())
    made.staff = (*made.staff, *(person_as("invigilator") for _ in range(2)))
    made.write(put_on_duty, made)
    return made


def put_on_duty(session, scene: Scene, *, now: object) -> None:
    from server.db.sittings import Assignment

    for who in scene.staff[2:]:
        session.add(Assignment(room_sitting_id=scene.room_sitting, user_id=who.user_id, role="invigilator"))


@pytest.mark.dear
def test_scenario_16_sixty_candidates_from_the_desk_to_the_collection(
    scene: Scene, sign_in: Callable[[Actor], FlaskClient], machine: Machine
) -> None:
    client, path = sign_in(scene.staff[0]), f"/monitor/{scene.room_sitting}/desk"
    *coming, missing = scene.attempts
    for seat in coming[THROUGH_PAGES:]:
        Desk(scene, scene.staff[1]).passes(seat, method="ticket")
    for seat in coming[:THROUGH_PAGES]:  # a scan with its Enter, and one more Enter
        seen = client.post(f"{path}/find", data={"typed": code_of(scene, seat)}, headers=FRAGMENT)
        assert 'data-key="enter"' in seen.text
        number = scene.attempt(seat).registration_id
        told = client.post(f"{path}/{number}/pass", data={"method": "ticket"}, headers=FRAGMENT)
        assert f"请到 {seat} 号座位" in told.text
    for place, seat in enumerate(coming):
        sit_down(scene, seat, ID_NUMBERS[place] if place < 4 else id_of(place))
    machine.advance(minutes=10)
    scene.start()
    with scene.host.db.read() as session:
        room = roomstate.load(session, scene.room_sitting)
        everybody = roomstate.attempts_of(session, scene.room_sitting)
        begun = {(a.answering_at, room.deadline(a)) for a in everybody if a.state == AttemptState.ANSWERING}
        assert begun == {(scene.host.now(), room.deadline(everybody[0]))}
        agents = [agent_of(scene, seat) for seat in coming]
        shown = seat_state.build_all(session, agents, now=scene.host.now(), demo=False)
        assert {view.state.server_time for view in shown.values()} == {scene.host.now()}
    watch = Watch(scene.host)
    machine.advance(minutes=15, seconds=1)
    watch.tick()
    assert scene.attempt(missing).state == AttemptState.ABSENT
    machine.advance(minutes=75, seconds=5)
    watch.tick()
    with scene.host.db.read() as session:
        states = [attempt.state for attempt in roomstate.attempts_of(session, scene.room_sitting)]
        assert states.count(AttemptState.AUTO_SUBMITTED) == SEATS - 1
        tally = collection.tally(session, scene.room_sitting)
        assert tally.expected == SEATS
        assert tally.absent == 1


def sit_down(scene: Scene, seat: str, id_number: str) -> None:
    """The candidate at the seat: admitted by the desk's word, through to the waiting screen."""
    agent, room = agent_of(scene, seat), scene.room_sitting
    asked = SignInRequest(scene.tickets[seat], id_number)
    assert scene.write(signin.sign_in, agent, room, asked).code == ""
    assert scene.attempt(seat).state == AttemptState.ADMITTED
    scene.write(attempts.confirm, agent, room, True)
    scene.write(attempts.accept, agent, room, AcceptRequest("2026-11", False))
