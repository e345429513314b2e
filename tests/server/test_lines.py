"""What two server processes know of a seat's line becomes one: nothing is lost by it, nothing invented."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.kiosk_messages import KioskReport
from exam_rooms.watch_messages import CameraReport, CameraState
from server.presence import SeatPresence
from server.services.agents import Agent
from server.services.line_packing import pack, unpack
from server.services.lines import Line, LineNews, Owed, Returns, merge, news_of
from server.services.link_gaps import Silence

START = datetime(2026, 11, 22, 1, 0, 0, 123457, tzinfo=UTC)
AGENT = Agent(5, 6, 7, b"12345678")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def line(begun: float, *words: float, by: str = "a") -> Line:
    made = Line(AGENT, at(begun), at(begun), by=by, since=at(begun))
    for word in words:
        made.word(AGENT, at(word), by)
    return made


def news(known: Line) -> LineNews:
    """What arrives elsewhere."""
    packed = json.loads(json.dumps(pack(news_of(known, SeatPresence(), None))))
    return unpack(packed)


moments = st.timedeltas(timedelta(0), timedelta(days=2000)).map(lambda passed: START + passed)
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=64)
maybe = st.none() | moments


@pytest.mark.dear
@given(moments, maybe, maybe, words, st.integers(0, 10), st.booleans())
def test_whatever_is_told_arrives_as_it_was(
    heard: datetime, lost: datetime | None, owed: datetime | None, boot: str, hint: int, told: bool
) -> None:
    known = Line(AGENT, heard, heard, by="a", boot_id=boot, lost_at=lost, told=told, hint=hint, since=heard)
    known.owed = None if owed is None else Owed(1, 2, 3, owed)
    known.quiet.append(Silence(heard, heard, boot, lost))
    presence = SeatPresence(
        linked=told,
        since=lost,
        waiting=hint,
        fault_noted=(3, boot) if told else None,
        camera=CameraReport(state=CameraState.LIVE, identity=boot) if told else CameraReport(),
        kiosk=KioskReport(open=("x",)) if told else KioskReport(),
    )
    sent = news_of(known, presence, Returns(1, hint, lost))
    assert unpack(json.loads(json.dumps(pack(sent)))) == sent
    assert sent.line() == known


@pytest.mark.parametrize(("apart", "silences"), [(5.0, 0), (5.001, 1)])
def test_time_between_the_words_of_two_processes_is_a_silence_beyond_the_grace(
    apart: float, silences: int
) -> None:
    here, there = line(0, 3), line(3 + apart, by="b")
    first, second = news(here), news(there)
    merge(here, second)
    merge(there, first)
    for known in (here, there):
        assert [(one.since, one.until) for one in known.quiet] == [(at(3), at(3 + apart))] * silences
        assert (known.heard_at, known.by) == (at(3 + apart), "b")


def test_a_silence_that_both_know_is_one() -> None:
    here = line(0, 2)
    there = line(0)
    merge(there, news(here))
    there.word(AGENT, at(12), "b")
    merge(here, news(there))
    merge(there, news(here))
    assert [one.since for one in here.quiet] == [one.since for one in there.quiet] == [at(2)]


def test_words_that_alternate_between_two_processes_make_no_silence() -> None:
    here, there = line(0), line(1, by="b")
    for second in range(2, 60, 4):
        here.word(AGENT, at(second), "a")
        merge(there, news(here))
        there.word(AGENT, at(second + 2), "b")
        merge(here, news(there))
    assert not here.quiet and not there.quiet


def test_a_line_that_only_begins_here_is_no_all_clear() -> None:
    here, there = line(0, 2), line(4, by="b")
    here.clear(at(1))
    here.owed = Owed(1, 1, 9, at(2))
    here.status_at = at(2)
    merge(there, news(here))
    assert (there.clear_at, there.cleared) == (at(1), True) and there.owed == here.owed
    there.clear(at(5))
    merge(here, news(there))
    assert here.clear_at == at(5)


@pytest.mark.parametrize(
    ("raised", "patience"),
    [(1.0, 0), (2.0, 10), (3.0, 10)],  # told before the other's heartbeat it is past
)
def test_a_hint_told_here_after_a_heartbeat_there_counts(raised: float, patience: int) -> None:
    here, there = line(0), line(0, 2.0, by="b")
    there.beaten()
    here.word(AGENT, at(raised), "a")
    here.eased(10)
    merge(here, news(there))
    merge(there, news(here))
    assert (here.patience, there.patience) == (patience, patience)
    there.word(AGENT, at(4), "b")
    there.eased(0)
    there.word(AGENT, at(5), "b")
    there.beaten()  # and is over with the next heartbeat that knows the lower one
    merge(here, news(there))
    assert here.patience == there.patience == 0


@pytest.mark.parametrize(("heard", "back"), [(9.9, False), (10.1, True)])
def test_a_loss_ends_by_a_word_that_came_after_it_wherever(heard: float, back: bool) -> None:
    here, there = line(0), line(0)
    here.lost_at = at(10)
    there.word(AGENT, at(heard), "b")
    first, second = news(here), news(there)
    assert merge(here, second) is back
    assert (here.lost_at is None) is back
    assert merge(there, first) is back  # either may be the only one left to say so
    assert (there.lost_at is None) is back
