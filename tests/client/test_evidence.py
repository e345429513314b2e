"""The queue of evidence and the lane that empties it: order, bounds, restarts, refusals, answers first."""

import hashlib
import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client import exchange as x
from client.evidence import PATIENCE, Evidence, Lost, Picture, Worth
from client.exchange import Ask, Lane, Reply, Request
from client.link import Link
from client.link_bulk import MOMENT, STANDSTILL, TRICKLE, Bulk, Times, look_asked
from client.outbox import Outbox
from exam_rooms import protocol as p
from exam_rooms.kiosk_messages import BreachRequest
from exam_rooms.protocol import Record, RecordKind, Route, SeatState, Step
from exam_rooms.watch_messages import (
    AlertRequest,
    CameraReport,
    CameraState,
    CaptureRequest,
    EnrolmentRequest,
    FrameNote,
    LookLog,
    Taken,
)
from exam_rooms.wire import encode

KEY = bytes(range(32))
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def picture(text: str, worth: Worth = Worth.ALERT, size: int = 100) -> Picture:
    data = b"\xff\xd8\xff" + text.encode().ljust(size, b".")
    return Picture(hashlib.sha256(data).hexdigest(), data, worth)


def note(made: Picture) -> FrameNote:
    return FrameNote(made.sha256, len(made.data), 5)


def alert(*pictures: Picture, episode: str = "e1", attempt: int = 7) -> AlertRequest:
    return AlertRequest(attempt, episode, "NO_FACE", "b", 1, 2, frames=tuple(map(note, pictures)))


def capture(made: Picture | None, number: int = 0) -> CaptureRequest:
    return CaptureRequest(7, number, "b", 1, frame=note(made) if made else None)


def enrolment(*pictures: Picture) -> EnrolmentRequest:
    return EnrolmentRequest(7, "dGVtcGxhdGU=", "match", 3, 0.9, "b", 1, frames=tuple(map(note, pictures)))


@pytest.fixture
def queue(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path / "evidence", KEY)


def again(queue: Evidence) -> Evidence:
    """What a restarted agent finds."""
    return Evidence(queue._folder, KEY, queue._limit)


# The queue


def test_a_picture_leaves_after_the_news_that_names_it(queue: Evidence) -> None:
    made = picture("a")
    queue.put(alert(made), [made])
    assert queue.next_picture() is None
    news = queue.next_news(Route.ALERT)
    assert news is not None and news.message == alert(made)
    queue.news_taken(news.number, [made.sha256])
    assert queue.next_news(Route.ALERT) is None
    assert queue.next_picture() == made.sha256
    assert queue.load(made.sha256) == made.data
    queue.picture_taken(made.sha256)
    assert queue.waiting() == (0, 0) and list(queue._folder.iterdir()) == []


def test_a_picture_the_server_has_already_is_not_sent(queue: Evidence) -> None:
    made, other = picture("a"), picture("b")
    queue.put(alert(made, other), [made, other])
    queue.news_taken(1 + 2, [other.sha256])
    assert queue.next_picture() == other.sha256
    assert queue.waiting() == (0, 1)


def test_a_picture_named_twice_waits_for_both_and_stays_for_the_second(queue: Evidence) -> None:
    made = picture("a")
    queue.put(alert(made), [made])
    first = queue.next_news(Route.ALERT)
    assert first is not None
    queue.news_taken(first.number, [made.sha256])
    queue.put(capture(made), [made])
    assert queue.next_picture() is None
    queue.picture_taken(made.sha256)  # an upload that was under way
    second = queue.next_news(Route.CAPTURE)
    assert second is not None
    queue.news_taken(second.number, [made.sha256])
    assert queue.next_picture() == made.sha256


def test_the_pictures_of_alerts_go_first(queue: Evidence) -> None:
    made = {worth: picture(worth, worth) for worth in Worth}
    queue.put(capture(made[Worth.CAPTURE]), [made[Worth.CAPTURE]])
    queue.put(enrolment(made[Worth.ENROLMENT]), [made[Worth.ENROLMENT]])
    both = (made[Worth.SIDE], made[Worth.ALERT])
    queue.put(alert(*both), both)
    for route in (Route.ALERT, Route.CAPTURE, Route.ENROLMENT):
        news = queue.next_news(route)
        assert news is not None
        queue.news_taken(news.number, news.frames)
    sent = []
    while (sha256 := queue.next_picture()) is not None:
        sent.append(sha256)
        queue.picture_taken(sha256)
    order = (Worth.ALERT, Worth.ENROLMENT, Worth.SIDE, Worth.CAPTURE)
    assert sent == [made[worth].sha256 for worth in order]


def test_everything_is_there_after_a_restart(queue: Evidence) -> None:
    made, loose = picture("a"), picture("b", Worth.CAPTURE)
    queue.put(capture(loose), [loose])
    news = queue.next_news(Route.CAPTURE)
    assert news is not None
    queue.news_taken(news.number, [loose.sha256])  # announced, but the picture is not there yet
    queue.put(alert(made), [made])
    queue.put(enrolment())
    found = again(queue)
    assert found.waiting() == (2, 2)
    kept = found.next_news(Route.ALERT)
    assert kept is not None and kept.message == alert(made)
    assert found.next_picture() == loose.sha256 and found.load(loose.sha256) == loose.data
    assert found.pending(EnrolmentRequest, 7) and not found.pending(EnrolmentRequest, 8)
    found.put(alert(episode="e2"))
    numbers = [one.number for one in found._news.values()]
    assert len(set(numbers)) == 3


def test_nothing_of_it_can_be_read_on_the_disk(queue: Evidence) -> None:
    made = picture("secret face")
    queue.put(enrolment(made), [made])
    files = list(queue._folder.iterdir())
    content = b"".join(file.read_bytes() for file in files)
    assert len(files) == 2 and all(file.stat().st_mode & 0o077 == 0 for file in files)
    for word in (b"secret face", b"\xff\xd8\xff", b"dGVtcGxhdGU", b"similarity"):
        assert word not in content
    assert Evidence(queue._folder, bytes(32)).waiting()[0] == 0


@pytest.mark.parametrize("harm", ["cut", "flip", "swap", "empty"])
def test_harmed_files_are_passed_over_and_counted(queue: Evidence, harm: str) -> None:
    made, other = picture("a"), picture("b")
    queue.put(alert(made), [made])
    queue.put(alert(other, episode="e2"), [other])
    files = sorted(queue._folder.glob("*.news")) + sorted(queue._folder.glob("*.pic"))
    data = [file.read_bytes() for file in files]
    for place in (0, 2):
        files[place].write_bytes(
            {
                "cut": data[place][:-3],
                "flip": data[place][:-1] + bytes([data[place][-1] ^ 1]),
                "swap": data[place + 1],
                "empty": b"",
            }[harm]
        )
    found = again(queue)
    kept = found.next_news(Route.ALERT)
    assert kept is not None and kept.message == alert(other, episode="e2")
    assert found.dropped == 1
    assert found.next_picture() == made.sha256  # its news is gone: perhaps the server knows of it
    with pytest.raises(Lost):
        found.load(made.sha256)
    assert found.dropped == 2 and found.next_picture() is None
    assert again(found).waiting() == (1, 1)


def test_a_crash_while_writing_leaves_nothing(queue: Evidence) -> None:
    (queue._folder / "000000000009.news.part").write_bytes(b"half")
    assert again(queue).waiting() == (0, 0)
    assert list(queue._folder.iterdir()) == []


def test_without_room_captures_go_first_then_sides_and_news_never(tmp_path: Path) -> None:
    queue = Evidence(tmp_path, KEY, limit=4000)
    kept = []
    for n, worth in enumerate([Worth.CAPTURE, Worth.SIDE, Worth.CAPTURE, Worth.ENROLMENT, Worth.ALERT]):
        made = picture(f"{n}", worth, size=900)
        kept.append(made)
        queue.put(alert(made, episode=f"e{n}"), [made])
    for _ in range(5):
        news = queue.next_news(Route.ALERT)
        assert news is not None
        queue.news_taken(news.number, news.frames)
    left = set(queue._pictures)
    assert left == {kept[n].sha256 for n in (1, 2, 3, 4)} and queue.dropped == 1
    more = [picture(f"more{n}", Worth.ALERT, size=900) for n in range(3)]
    queue.put(alert(*more), more)
    assert set(queue._pictures) == {kept[4].sha256, *(made.sha256 for made in more)}
    assert queue.waiting() == (1, 4)
    size = sum(path.stat().st_size for path in tmp_path.glob("*.pic"))
    assert size <= 4000


def test_a_full_disk_costs_pictures_but_no_news(queue: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("client.evidence.write_atomically", full)
    made = picture("a")
    queue.put(alert(made), [made])
    assert queue.waiting() == (1, 0) and queue.dropped == 1


def test_what_the_server_stumbles_over_lets_others_go_first(queue: Evidence) -> None:
    queue.put(alert(episode="poison"))
    queue.put(alert(episode="fine"))
    for _ in range(PATIENCE):
        news = queue.next_news(Route.ALERT)
        assert news is not None and news.number == 1
        queue.failed(news.number)
    news = queue.next_news(Route.ALERT)
    assert news is not None and news.number == 2


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["alert", "capture", "take", "take none", "refuse", "upload", "restart"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_no_news_is_lost_and_the_bound_holds(steps: list[tuple[str, int]]) -> None:
    """Against a plain list of what the server has not taken, over restarts in between."""
    with tempfile.TemporaryDirectory() as name:
        queue = Evidence(Path(name), KEY, limit=1000)
        owed: dict[str, list[str]] = {Route.ALERT: [], Route.CAPTURE: []}
        for step, (act, n) in enumerate(steps):
            if act in ("alert", "capture"):
                route = Route.ALERT if act == "alert" else Route.CAPTURE
                made = picture(f"picture {n}", Worth(act), size=200)
                message = alert(made, episode=f"{step}") if act == "alert" else capture(made, number=step)
                queue.put(message, [made])
                owed[route].append(str(step))
            elif act in ("take", "take none", "refuse"):
                _answer_news(queue, owed, act, Route.CAPTURE if n % 2 else Route.ALERT)
            elif act == "upload" and (sha256 := queue.next_picture()) is not None:
                assert queue.load(sha256)
                queue.picture_taken(sha256)
            elif act == "restart":
                queue = again(queue)
            assert {route: _waiting(queue, route) for route in owed} == owed
            files = list(queue._folder.iterdir())
            assert len(files) == sum(queue.waiting())
            assert sum(path.stat().st_size for path in files if path.suffix == ".pic") <= 1000


def _waiting(queue: Evidence, route: str) -> list[str]:
    found = sorted(queue._news.values(), key=lambda news: news.number)
    messages = [news.message for news in found if news.route == route]
    return [one.episode if isinstance(one, AlertRequest) else str(one.number) for one in messages]  # type: ignore[union-attr]


def _answer_news(queue: Evidence, owed: dict[str, list[str]], act: str, route: str) -> None:
    news = queue.next_news(route)
    assert (news is None) == (owed[route] == [])
    if news is None:
        return
    if act == "refuse":
        queue.refuse(news.number)
    else:
        queue.news_taken(news.number, news.frames if act == "take" else ())
    owed[route].pop(0)


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
