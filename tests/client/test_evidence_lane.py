"""The lane that empties the queue of evidence: news first, answers before pictures, refusals, outages."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client import exchange as x
from client.evidence import Evidence
from client.exchange import Ask, Lane, Reply, Request
from client.link import Link
from client.link_bulk import MOMENT, STANDSTILL, TRICKLE, Bulk, Times, look_asked
from client.outbox import Outbox
from exam_rooms import protocol as p
from exam_rooms.kiosk_messages import BreachRequest
from exam_rooms.protocol import Record, RecordKind, Route, SeatState, Step
from exam_rooms.watch_messages import CameraReport, CameraState, LookLog, Taken
from exam_rooms.wire import encode
from tests.client.evidence_kit import KEY, alert, capture, enrolment, picture

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.fixture
def queue(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path / "evidence", KEY)


# The lane


class Wire:
    """A link after its session, whose second lane is driven by hand."""

    def __init__(self, queue: Evidence) -> None:
        self.at = 1000.0
        self.outbox = Outbox()
        self.queue = queue
        signer = x.Credentials(3, lambda message: message, "1.0")
        self.link = Link(signer, self.outbox, random.Random(1), queue)
        state = SeatState(version=5, server_time=NOW, seat="12", step=Step.ANSWERING)
        session = p.SessionReply("token-1", NOW + timedelta(hours=9), NOW)
        says = {Ask.CHALLENGE: p.Challenge("n"), Ask.SESSION: session, Ask.STATE: state}
        while isinstance(request := self.link.next(Lane.MAIN, self.at), Request):
            reply = says.get(request.ask, p.StatusReply(NOW, 5))
            self.link.reply(Lane.MAIN, request, ok(reply), self.at)

    def ask(self) -> Request | None:
        request = self.link.next(Lane.BULK, self.at)
        return request if isinstance(request, Request) else None

    def answer(self, request: Request, reply: Reply | None) -> list[x.Event]:
        if reply is None:
            return self.link.failed(Lane.BULK, request, self.at)
        return self.link.reply(Lane.BULK, request, reply, self.at)

    def step(self, reply: Reply | None = None) -> Request:
        request = self.ask()
        assert request is not None
        self.answer(request, reply)
        return request

    def wait(self) -> float:
        wake = self.link.next(Lane.BULK, self.at)
        assert isinstance(wake, float) and wake < x.FOREVER
        seconds, self.at = wake - self.at, wake
        return seconds


def ok(message: object) -> Reply:
    return Reply(200, json.dumps(encode(message)).encode())


def no(status: int, code: str = "no") -> Reply:
    return Reply(status, json.dumps(encode(p.ErrorReply(code, {}))).encode())


@pytest.fixture
def wire(queue: Evidence) -> Iterator[Wire]:
    yield Wire(queue)


def test_news_first_then_its_pictures(wire: Wire) -> None:
    made = picture("a")
    wire.queue.put(capture(made), [made])
    wire.queue.put(alert(made), [made])
    wire.link.bulk.show("r 1", b"small")
    wire.link.bulk.want(Ask.PHOTO, "T", Route.PHOTO)
    asked = [wire.step(Reply(200, b"jpeg"))]
    wire.link.bulk.want(Ask.PHOTO, "", Route.PHOTO)
    for _ in range(3):
        asked.append(wire.step(ok(Taken((made.sha256,)))))
    asked.append(wire.step(ok(Taken())))
    assert [one.ask for one in asked] == [Ask.PHOTO, Ask.ALERT, Ask.CAPTURE, Ask.LOOK, Ask.FRAME]
    assert json.loads(asked[1].body) == encode(alert(made))
    assert asked[3].path == "/agent/look?ref=r%201" and asked[3].body == b"small"
    frame = asked[4]
    assert frame.path == f"/agent/frames?sha256={made.sha256}" and frame.body == b""
    assert (
        frame.headers["Content-Type"] == "image/jpeg" and frame.headers["Authorization"] == "Bearer token-1"
    )
    assert wire.ask() is None and wire.queue.waiting() == (0, 0)


def test_the_log_of_looks_leaves_behind_all_other_news_and_before_pictures(wire: Wire) -> None:
    made = picture("a")
    log = LookLog(7, "ab" * 16, "boot", 1, 2, 1, "eJw=")
    wire.queue.put(log)
    wire.queue.put(alert(made), [made])
    wire.link.bulk.show("r", b"small")
    asked = [wire.step(ok(Taken((made.sha256,)))), wire.step(ok(Taken()))]
    asked += [wire.step(ok(Taken())), wire.step(ok(Taken()))]
    assert [one.ask for one in asked] == [Ask.ALERT, Ask.LOOK, Ask.LOOKS, Ask.FRAME]
    assert json.loads(asked[2].body) == encode(log) and asked[2].path == Route.LOOKS
    assert wire.ask() is None and wire.queue.waiting() == (0, 0)


def test_a_batch_of_looks_that_was_not_taken_is_sent_again_unchanged(wire: Wire) -> None:
    wire.queue.put(LookLog(7, "ab" * 16, "boot", 1, 2, 1, "eJw="))
    first = wire.step(no(503))
    assert wire.wait() >= 0.5
    assert wire.step(ok(Taken())).body == first.body  # under its own name: the server takes it once
    assert wire.queue.waiting() == (0, 0)


def test_the_log_of_looks_stands_back_for_answers(queue: Evidence) -> None:
    queue.put(LookLog(7, "ab" * 16, "boot", 1, 2, 1, "eJw="))
    bulk = Bulk(random.Random(1), queue)
    bulk.heard = True

    def asks(owing: float) -> list[Ask]:
        return [one.ask for one in bulk.offers({}, Times(100.0, owing)) if isinstance(one, Request)]

    assert (asks(0.0), asks(1.0), asks(5.0)) == ([Ask.LOOKS], [Ask.LOOKS], [])


def test_a_log_that_is_known_already_is_not_sent_twice(tmp_path: Path) -> None:
    """Sealed on the disk it outlives the process, and goes once the server has it."""
    log = LookLog(7, "ab" * 16, "boot", 1, 2, 1, "eJw=")
    Evidence(tmp_path / "q", KEY).put(log)
    assert all(b"eJw=" not in path.read_bytes() for path in (tmp_path / "q").iterdir())
    back = Evidence(tmp_path / "q", KEY)
    news = back.next_news(Route.LOOKS)
    assert news is not None and news.message == log
    back.news_taken(news.number, ())
    assert Evidence(tmp_path / "q", KEY).waiting() == (0, 0)


def test_a_body_is_read_outside_the_link(wire: Wire) -> None:
    made = picture("a")
    wire.queue.put(alert(made), [made])
    wire.step(ok(Taken((made.sha256,))))
    frame = wire.ask()
    assert frame is not None and frame.load is not None and frame.load() == made.data


@pytest.mark.parametrize("reply", [None, no(429), no(500), no(502), no(503), no(408), no(426)])
def test_what_is_not_taken_now_is_sent_again_later(wire: Wire, reply: Reply | None) -> None:
    made = picture("a")
    wire.queue.put(alert(made), [made])
    assert wire.step(reply).ask is Ask.ALERT
    assert wire.link.up  # trouble with evidence is not the line's
    assert wire.wait() >= 0.5
    assert wire.step(ok(Taken((made.sha256,)))).ask is Ask.ALERT
    assert wire.step(reply).ask is Ask.FRAME
    assert wire.wait() >= 0.5
    assert wire.step(ok(Taken())).ask is Ask.FRAME
    assert (wire.queue.waiting(), wire.queue.refused) == ((0, 0), 0)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
def test_what_is_never_taken_is_given_up_and_counted(wire: Wire, status: int) -> None:
    made, other = picture("a"), picture("b")
    wire.queue.put(alert(made), [made])
    wire.queue.put(alert(other, episode="e2"), [other])
    wire.step(no(status, "no_face_consent"))
    assert wire.queue.waiting() == (1, 1) and wire.queue.refused == 1
    wire.step(ok(Taken((other.sha256,))))
    wire.step(no(status))
    assert wire.queue.waiting() == (0, 0) and wire.queue.refused == 2


def test_a_dead_token_costs_nothing(wire: Wire) -> None:
    wire.queue.put(alert())
    wire.step(no(401, "token_expired"))
    assert wire.ask() is None and wire.queue.waiting() == (1, 0) and wire.link.token is None


def test_a_reply_that_is_no_message_is_no_success(wire: Wire) -> None:
    wire.queue.put(alert())
    for body in (b"<html>", b'{"wanted": "all"}'):
        wire.step(Reply(200, body))
        assert wire.queue.waiting() == (1, 0)
        assert wire.wait() >= 0.5


def test_one_broken_route_does_not_hold_up_the_others(wire: Wire) -> None:
    wire.queue.put(enrolment())
    wire.queue.put(capture(None))
    wire.step(no(500))
    assert wire.step(ok(Taken())).ask is Ask.CAPTURE
    assert wire.queue.waiting() == (1, 0)


def test_a_hint_slows_pictures_but_no_news(wire: Wire) -> None:
    pair = [picture("a"), picture("b")]
    wire.queue.put(alert(*pair), pair)
    wire.step(ok(Taken(tuple(made.sha256 for made in pair))))
    wire.step(ok(Taken(hint=10)))
    wire.queue.put(alert(episode="e2"))
    assert wire.step(ok(Taken())).ask is Ask.ALERT
    assert wire.wait() == pytest.approx(3.0)
    assert wire.step(ok(Taken())).ask is Ask.FRAME


def test_pictures_stand_back_while_answers_wait(wire: Wire) -> None:
    pair = [picture("a"), picture("b")]
    wire.queue.put(alert(*pair), pair)
    wire.outbox.add([Record(7, 1, 1, RecordKind.ANSWER, "q", "", "b", 0, "", "1")])
    assert wire.step(ok(Taken(tuple(made.sha256 for made in pair)))).ask is Ask.ALERT
    wire.at += MOMENT + 0.1
    assert wire.ask() is None
    wire.at += MOMENT
    assert wire.ask() is None
    wire.outbox.acknowledge(7, p.AnswersReply({"1": 1}))
    assert wire.step(ok(Taken())).ask is Ask.FRAME


def test_answers_that_nobody_takes_do_not_keep_pictures_for_ever(wire: Wire) -> None:
    pair = [picture("a"), picture("b")]
    wire.queue.put(alert(*pair), pair)
    wire.outbox.add([Record(7, 1, 1, RecordKind.ANSWER, "q", "", "b", 0, "", "1")])
    wire.step(ok(Taken(tuple(made.sha256 for made in pair))))
    wire.at += STANDSTILL + 1
    assert wire.step(ok(Taken())).ask is Ask.FRAME
    assert wire.wait() == pytest.approx(TRICKLE)
    assert wire.step(ok(Taken())).ask is Ask.FRAME


def test_a_long_outage_loses_nothing_and_keeps_the_order(wire: Wire) -> None:
    """Twenty minutes without a server; then everything goes, news of each route in its order."""
    made = [picture(f"{n}") for n in range(20)]
    for n, one in enumerate(made):
        wire.queue.put(alert(one, episode=f"e{n}"), [one])
    end = wire.at + 1200
    while wire.at < end:
        if wire.ask() is not None:
            wire.answer(wire.link._busy[Lane.BULK], None)
        wire.wait()
    episodes, frames = [], []
    while (request := wire.ask()) is not None:
        if request.ask is Ask.ALERT:
            message = json.loads(request.body)
            episodes.append(message["episode"])
            wire.answer(request, ok(Taken(tuple(frame["sha256"] for frame in message["frames"]))))
        else:
            frames.append(request.path[-64:])
            wire.answer(request, ok(Taken()))
    assert episodes == [f"e{n}" for n in range(20)]
    assert frames == [one.sha256 for one in made] and wire.queue.dropped == 0


def test_a_look_is_sent_once_even_when_it_fails(wire: Wire) -> None:
    wire.link.bulk.show("r1", b"")
    assert wire.step(None).path == "/agent/look?ref=r1"
    wire.at += 60
    assert wire.ask() is None


@pytest.mark.parametrize("data", [None, [], {}, {"ref": 5}, {"ref": ""}, {"ref": "x" * 129}])
def test_a_look_without_a_reference_is_passed_over(data: object) -> None:
    assert look_asked(data) == []
    assert look_asked({"ref": "abc"}) == [x.LookAsked("abc")]


def test_a_change_of_the_camera_is_worth_telling() -> None:
    status = p.StatusRequest("b", 0, 0)
    lost = replace(status, camera=CameraReport(CameraState.LOST, "CAM-1"))
    assert x.worth_telling(status) != x.worth_telling(lost)
    assert x.worth_telling(lost) == x.worth_telling(replace(lost, boot_ns=9, state_version=4))


# Nothing of a camera before the server's first word


def main_lane(link: Link, at: float, says: dict[Ask, object]) -> list[Ask]:
    """Requests of the main lane until nothing is due; what has no answer in `says` is left under way."""
    made = []
    while isinstance(request := link.next(Lane.MAIN, at), Request):
        made.append(request.ask)
        if request.ask not in says:
            break
        link.reply(Lane.MAIN, request, ok(says[request.ask]), at)
    return made


def of_the_camera(queue: Evidence) -> None:
    free, named = picture("free"), picture("named")
    queue.put(alert(free, episode="old"), [free])
    news = queue.next_news(Route.ALERT)
    assert news is not None
    queue.news_taken(news.number, (free.sha256,))
    queue.put(alert(named), [named])
    queue.put(capture(None))
    queue.put(LookLog(7, "ab" * 16, "boot", 1, 2, 1, "eJw="))


def test_after_a_start_nothing_of_the_camera_leaves_before_the_state_was_heard(queue: Evidence) -> None:
    of_the_camera(queue)
    signer = x.Credentials(3, lambda message: message, "1.0")
    link = Link(signer, Outbox(), random.Random(1), queue)
    session = p.SessionReply("token-1", NOW + timedelta(hours=9), NOW)
    says = {Ask.CHALLENGE: p.Challenge("n"), Ask.SESSION: session, Ask.STATUS: p.StatusReply(NOW, 5)}
    assert main_lane(link, 1000.0, says)[-1] is Ask.STATE
    link.bulk.show("r", b"small")
    assert link.next(Lane.BULK, 1000.0) == x.FOREVER
    queue.put(BreachRequest(7, ()))
    breach = link.next(Lane.BULK, 1000.0)
    assert isinstance(breach, Request) and breach.ask is Ask.BREACH
    link.reply(Lane.BULK, breach, ok(Taken()), 1000.0)
    assert link.next(Lane.BULK, 1000.0) == x.FOREVER
    link.pushed(encode(SeatState(version=5, server_time=NOW, seat="12", step=Step.ANSWERING)))
    first = link.next(Lane.BULK, 1000.0)
    assert isinstance(first, Request) and first.ask is Ask.ALERT


@pytest.mark.parametrize("said", [5, 6])
def test_after_a_break_it_waits_for_the_states_version_or_for_the_new_state(wire: Wire, said: int) -> None:
    of_the_camera(wire.queue)
    wire.at += 10.0
    beat = wire.link.next(Lane.MAIN, wire.at)
    assert isinstance(beat, Request)
    wire.link.failed(Lane.MAIN, beat, wire.at)
    wire.at += 60.0
    state = SeatState(version=5, server_time=NOW, seat="12", step=Step.ANSWERING)
    wire.link.pushed(encode(state))  # while the line is down: of before, for all that is known
    assert wire.ask() is None
    asked = main_lane(wire.link, wire.at, {Ask.STATUS: p.StatusReply(NOW, said)})
    assert asked == ([Ask.STATUS] if said == 5 else [Ask.STATUS, Ask.STATE])
    first = wire.ask()
    assert (first is not None) == (said == 5)
