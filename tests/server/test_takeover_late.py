"""What was acknowledged before a takeover counts after it, however far the answers' copy was behind the rest."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import Session

from exam_rooms.clock import AnswerStamp, Counted, LateRule, LinkGap, NotCounted, counts
from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.answer_tables import answer_events
from server.db.sittings import Attempt, RoomSitting
from server.host import Host
from server.rules.takeover import ACKNOWLEDGING, unshipped
from server.services import epochs, link_gaps, roomstate
from server.services.counting import Judge
from server.services.delivery import delivery_of
from tests.server.agent_kit import seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
RULE = LateRule(grace_seconds=10, link_gap_max_minutes=10)
LONGEST = timedelta(minutes=RULE.link_gap_max_minutes)
seconds = st.floats(0, 1200).map(lambda value: timedelta(seconds=round(value, 3)))


@pytest.mark.dear
@given(ends=seconds, killed=seconds, looked=st.floats(0, 4), wrote=seconds, away=seconds)
def test_a_record_that_was_acknowledged_counts_when_it_comes_again_after_a_takeover(
    ends: timedelta, killed: timedelta, looked: float, wrote: timedelta, away: timedelta
) -> None:
    """`looked`: the last sign of life was so long before the kill; `away`: until the seat brings it again."""
    deadline, dead, written = START + ends, START + killed, START + wrote
    assume(written < min(deadline, dead))
    sign = dead - timedelta(seconds=looked)
    back = dead + away
    stamp = AnswerStamp(back, "boot", written)
    gap = unshipped(deadline, sign, LONGEST, back)
    found = counts(stamp, deadline, RULE, [LinkGap(*gap, "boot", START)] if gap else [])
    recent = min(deadline, sign + ACKNOWLEDGING, back) - written <= LONGEST
    shipped_long_ago = sign - deadline > LONGEST
    if recent and not shipped_long_ago:
        assert isinstance(found, Counted)


@given(ends=seconds, away=seconds, late=st.floats(0, 600))
def test_nothing_written_after_the_end_is_excused_by_a_takeover(
    ends: timedelta, away: timedelta, late: float
) -> None:
    deadline = START + ends
    back = deadline + timedelta(seconds=RULE.grace_seconds + 1) + away + timedelta(seconds=late)
    gap = unshipped(deadline, deadline, LONGEST, back)
    assert gap is not None and gap[0] < gap[1] <= deadline
    stamp = AnswerStamp(back, "boot", deadline + timedelta(seconds=late))
    assert isinstance(counts(stamp, deadline, RULE, [LinkGap(*gap, "boot", START)]), NotCounted)


def test_an_attempt_that_was_over_long_before_the_last_sign_of_life_needs_no_gap() -> None:
    later = START + LONGEST + timedelta(seconds=1)
    assert unshipped(START, later, LONGEST, later) is None
    assert unshipped(START, START + LONGEST, LONGEST, later) is not None


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.mark.both_stores
def test_answers_that_the_copy_lacks_count_although_its_room_was_ended_already(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    """The main store knows of the end, the answers' store of nothing: the seat brings all again, an hour late."""
    agent = seated(app, scene, "1")["1"]
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.beat()
    machine.advance(minutes=1)
    agent.sent(*[agent.answer(number) for number in (1, 2)])
    machine.advance(seconds=2)
    end_seat(scene, agent.attempt)
    forget_answers(scene.host)
    machine.advance(minutes=60)
    host = scene.host
    host.db.write(epochs.take_over, Actor(None, "console/admin"), "kill", 1, now=host.now())
    assert host.db.write(link_gaps.gaps_after_takeover, host.answers.until(), now=host.now()) == 1
    assert agent.send(*agent.records).status_code == 200
    with host.db.read() as session:
        attempt = session.get_one(Attempt, agent.attempt)
        judge = Judge(session, roomstate.load(session, attempt.room_sitting_id), attempt)
        counted, late = judge.split(host.answers.events(agent.attempt))
    assert (len(counted), late) == (len(agent.records), [])


def test_a_takeover_changes_nothing_of_what_was_judged_late_before(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    """An answer in the copy that came after the end shows that all that came in time is there."""
    agent = seated(app, scene, "1")["1"]
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.beat()
    end_seat(scene, agent.attempt)
    machine.advance(minutes=2)
    agent.send(agent.answer(1))
    host = scene.host
    assert host.db.write(link_gaps.gaps_after_takeover, host.answers.until(), now=host.now()) == 0


def end_seat(scene: Scene, attempt: int) -> None:
    """A person ended it."""

    def end(session: Session, *, now: datetime) -> None:
        row = session.get_one(Attempt, attempt)
        row.state, row.closed_at = str(AttemptState.ENDED), now
        session.get_one(RoomSitting, row.room_sitting_id).watched_at = now

    scene.host.db.write(end, now=scene.host.now())
    delivery_of(scene.host).desk.forget_room(scene.room_sitting)


def forget_answers(host: Host) -> None:
    """As a copy that is behind."""
    with host.answers._engine.begin() as connection:
        connection.execute(delete(answer_events))
    host.answers._runs.clear()
