"""The link without sockets: what it asks for, in which order, and what it does when replies fail."""

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from client import exchange as x
from client.exchange import Ask, Lane, Pace, Reply, Request
from client.link import Link
from client.link_beat import NOTICE_DELAY
from client.outbox import Outbox
from exam_rooms import protocol as p
from exam_rooms.pace import HEARTBEAT, heartbeat, silence
from exam_rooms.protocol import Record, RecordKind, Route, SeatState, Step
from exam_rooms.wire import decode, encode

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
STATE = SeatState(version=5, server_time=NOW, seat="12", step=Step.SIGN_IN)


def ok(message: object) -> Reply:
    return Reply(200, json.dumps(encode(message)).encode())


def error(status: int, code: str) -> Reply:
    return Reply(status, json.dumps(encode(p.ErrorReply(code, {}))).encode())


class Server:
    """Answers the link's requests by what they ask; a list is used up one by one."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.outbox = Outbox()
        signer = x.Credentials(3, lambda message: b"signed:" + message, "1.0")
        self.link = Link(signer, self.outbox, random.Random(1))
        self.asked: list[Request] = []
        self.events: list[x.Event] = []
        self.says: dict[Ask, list[Reply | None] | Reply] = {
            Ask.CHALLENGE: ok(p.Challenge("nonce")),
            Ask.SESSION: ok(p.SessionReply("token-1", NOW + timedelta(hours=1), NOW)),
            Ask.STATE: ok(STATE),
            Ask.STATUS: ok(p.StatusReply(NOW, 5)),
        }

    def step(self, lane: Lane = Lane.MAIN) -> Ask | None:
        """One request and its reply; None when there is nothing to do now."""
        request = self.link.next(lane, self.at)
        if not isinstance(request, Request):
            return None
        self.asked.append(request)
        told = self.says[request.ask]
        reply = told.pop(0) if isinstance(told, list) else told
        if isinstance(told, list) and not told:
            del self.says[request.ask]
        if reply is None:
            self.events += self.link.failed(lane, request, self.at)
        else:
            self.events += self.link.reply(lane, request, reply, self.at)
        return request.ask

    def run(self, limit: int = 30) -> list[Ask]:
        """Requests until nothing is to do."""
        made = []
        while (ask := self.step()) is not None:
            made.append(ask)
            assert len(made) < limit, made
        return made

    def wait(self) -> float:
        """Goes to the next moment the link wants; the seconds that took."""
        wake = self.link.next(Lane.MAIN, self.at)
        assert isinstance(wake, float) and wake < x.FOREVER
        seconds, self.at = wake - self.at, wake
        return seconds


def record(seq: int, journal: int = 1, attempt: int = 7) -> Record:
    return Record(attempt, journal, seq, RecordKind.ANSWER, f"q{seq}", "", "b", 0, "", f"{seq}")


def sent_seqs(request: Request) -> list[int]:
    return [one.seq for one in decode(p.AnswersRequest, json.loads(request.body)).records]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def up(server: Server) -> Server:
    """After the session, state and first heartbeat."""
    server.run()
    server.asked.clear()
    server.events.clear()
    return server


def events_of(events: Iterable[x.Event], kind: type) -> list[x.Event]:
    return [event for event in events if isinstance(event, kind)]


def test_it_proves_itself_before_anything_else(server: Server) -> None:
    assert server.run() == [Ask.CHALLENGE, Ask.SESSION, Ask.STATUS, Ask.STATE]
    session = json.loads(server.asked[1].body)
    assert session["workstation"] == 3
    assert server.link.token == "token-1"
    assert [one.headers.get("Authorization") for one in server.asked] == [None, None, *["Bearer token-1"] * 2]
    assert {one.headers[p.VERSION_HEADER] for one in server.asked} == {str(p.VERSION)}
    assert events_of(server.events, x.StateSeen) == [x.StateSeen(STATE)]
    assert events_of(server.events, x.LinkMoved) == [x.LinkMoved(True)]


def test_one_request_at_a_time_in_a_lane(server: Server) -> None:
    assert isinstance(server.link.next(Lane.MAIN, server.at), Request)
    assert server.link.next(Lane.MAIN, server.at) == x.FOREVER


def test_a_heartbeat_leaves_every_three_seconds(up: Server) -> None:
    for _ in range(5):
        assert HEARTBEAT * 0.9 - 0.01 <= up.wait() <= HEARTBEAT
        assert up.run() == [Ask.STATUS]
    status = json.loads(up.asked[-1].body)
    assert status["boot_ns"] == int(up.at * 1e9)
    assert status["state_version"] == 5


def test_a_slow_server_gets_fewer_heartbeats_but_enough_to_count_as_there(up: Server) -> None:
    up.says[Ask.STATUS] = ok(p.StatusReply(NOW, 5, hint=10))
    up.wait()
    up.run()
    assert heartbeat(10) * 0.9 - 0.01 <= up.wait() < silence(10) / 2


def test_a_changed_status_is_told_soon(up: Server) -> None:
    up.link.describe(p.StatusRequest("b", 0, 0, journal_fault="disk_full"))
    assert up.wait() <= NOTICE_DELAY
    assert up.run() == [Ask.STATUS]
    assert json.loads(up.asked[-1].body)["journal_fault"] == "disk_full"
    assert up.wait() > 1.0


def test_a_newer_state_is_fetched(up: Server) -> None:
    newer = replace(STATE, version=6, step=Step.READY)
    up.says |= {Ask.STATUS: ok(p.StatusReply(NOW, 6)), Ask.STATE: ok(newer)}
    up.wait()
    assert up.run() == [Ask.STATUS, Ask.STATE]
    assert events_of(up.events, x.StateSeen) == [x.StateSeen(newer)]


def test_an_older_state_changes_nothing(up: Server) -> None:
    assert up.link.pushed(encode(replace(STATE, version=4, step=Step.ENDED))) == []
    newer = replace(STATE, version=6)
    assert up.link.pushed(encode(newer)) == [x.StateSeen(newer)]


def test_a_server_that_counts_anew_is_believed_after_its_own_word(up: Server) -> None:
    reset = replace(STATE, version=0, step=Step.UNASSIGNED)
    up.says |= {Ask.STATUS: ok(p.StatusReply(NOW, 0)), Ask.STATE: ok(reset)}
    up.wait()
    up.run()
    assert events_of(up.events, x.StateSeen) == [x.StateSeen(reset)]


def test_an_unreadable_push_makes_it_ask(up: Server) -> None:
    assert up.link.pushed({"version": "?"}) == []
    assert up.run() == [Ask.STATE]


def test_the_socket_coming_back_makes_it_ask(up: Server) -> None:
    up.link.want_state()
    assert up.run() == [Ask.STATE]


# Answers


def test_answers_leave_at_once_and_until_acknowledged(up: Server) -> None:
    up.outbox.add([record(1), record(2), record(3)])
    up.says[Ask.ANSWERS] = [ok(p.AnswersReply({"1": 2})), ok(p.AnswersReply({"1": 3}))]
    assert up.run() == [Ask.ANSWERS, Ask.ANSWERS]
    assert [sent_seqs(one) for one in up.asked] == [[1, 2, 3], [3]]
    assert events_of(up.events, x.AnswersTaken) == [x.AnswersTaken(7)] * 2


def test_a_lost_reply_is_followed_by_the_same_records(up: Server) -> None:
    up.outbox.add([record(1), record(2)])
    up.says[Ask.ANSWERS] = [None, None, ok(p.AnswersReply({"1": 2}))]
    for _ in range(2):
        assert up.run()[-1] == Ask.ANSWERS
        assert not up.link.up
        assert 0.5 <= up.wait() <= 8.0
    up.run()
    batches = [sent_seqs(one) for one in up.asked if one.ask is Ask.ANSWERS]
    assert batches == [[1, 2]] * 3
    assert up.outbox.waiting() == 0 and up.link.up


def test_a_reply_to_a_request_given_up_is_ignored(up: Server) -> None:
    up.outbox.add([record(1)])
    request = up.link.next(Lane.MAIN, up.at)
    assert isinstance(request, Request)
    up.link.failed(Lane.MAIN, request, up.at)
    assert up.link.reply(Lane.MAIN, request, ok(p.AnswersReply({"1": 1})), up.at) == []
    assert up.outbox.waiting() == 1


def test_an_attempt_the_server_refuses_does_not_hold_up_another(up: Server) -> None:
    up.outbox.add([record(1, attempt=5), record(1, attempt=7)])
    up.says[Ask.ANSWERS] = [error(409, "attempt_unknown"), ok(p.AnswersReply({"1": 1}))]
    assert up.run() == [Ask.ANSWERS, Ask.ANSWERS]
    assert (up.outbox.waiting(5), up.outbox.waiting(7)) == (1, 0)
    assert up.link.up


def test_a_reply_that_confirms_nothing_does_not_spin(up: Server) -> None:
    up.outbox.add([record(1)])
    up.says[Ask.ANSWERS] = ok(p.AnswersReply({"1": 0}))
    assert up.run() == [Ask.ANSWERS]
    assert up.wait() >= 0.5


def test_a_batch_that_is_too_large_is_halved(up: Server) -> None:
    up.outbox.add([record(seq) for seq in range(1, 301)])
    up.says[Ask.ANSWERS] = [error(413, "too_large"), ok(p.AnswersReply({"1": 300}))]
    up.run()
    up.wait()
    up.run()
    sizes = [len(sent_seqs(one)) for one in up.asked if one.ask is Ask.ANSWERS]
    assert sizes == [200, 100]


def test_a_journal_of_a_former_pairing_is_set_aside(up: Server) -> None:
    up.outbox.add([record(1)])
    up.says[Ask.ANSWERS] = [error(403, "journal_not_yours")]
    assert up.run() == [Ask.ANSWERS]
    assert up.outbox.superseded(7, 1, 1)
    assert events_of(up.events, x.AnswersTaken) == [x.AnswersTaken(7)]


def test_a_heartbeat_that_is_due_goes_before_answers(up: Server) -> None:
    up.at += HEARTBEAT
    up.outbox.add([record(1)])
    up.says[Ask.ANSWERS] = [ok(p.AnswersReply({"1": 1}))]
    assert up.run() == [Ask.STATUS, Ask.ANSWERS]


# Trouble


def test_pauses_grow_to_their_bound_and_are_drawn_at_random() -> None:
    draws = []
    for seed in range(200):
        pace = Pace(random.Random(seed))
        for failure in range(1, 8):
            pace.failed(100.0)
            wait = pace.ready_at - 100.0
            assert 0.5 <= wait <= min(8.0, 0.5 * 2**failure)
        draws.append(wait)
    assert max(draws) > 7.0 and min(draws) < 1.5
    pace.worked()
    assert pace.ready_at == 0.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_server_is_left_in_peace(up: Server, status: int) -> None:
    up.at += HEARTBEAT
    up.says[Ask.STATUS] = [error(status, "busy"), ok(p.StatusReply(NOW, 5))]
    up.run()
    assert not up.link.up
    assert up.wait() >= 0.5


def test_one_broken_route_does_not_stop_answers(up: Server) -> None:
    up.link.want_receipt(7)
    up.says[Ask.RECEIPT] = error(500, "fault")
    assert up.run() == [Ask.RECEIPT]
    assert up.link.up
    up.outbox.add([record(1)])
    up.says[Ask.ANSWERS] = [ok(p.AnswersReply({"1": 1}))]
    assert up.run()[0] == Ask.ANSWERS


def test_a_dead_token_is_replaced_and_nothing_is_lost(up: Server) -> None:
    up.at += 2.0
    up.outbox.add([record(1)])
    up.says[Ask.ANSWERS] = [error(401, "token_expired"), ok(p.AnswersReply({"1": 1}))]
    up.says[Ask.SESSION] = ok(p.SessionReply("token-2", NOW + timedelta(hours=1), NOW))
    assert up.run()[:3] == [Ask.ANSWERS, Ask.CHALLENGE, Ask.SESSION]
    assert up.outbox.waiting() == 0
    assert up.asked[-1].headers["Authorization"] == "Bearer token-2"


def test_a_token_that_is_refused_again_and_again_does_not_spin(up: Server) -> None:
    up.says[Ask.STATE] = error(401, "token_wrong")
    up.link.want_state()
    made = up.run(limit=10)
    assert made.count(Ask.SESSION) <= 1
    assert up.wait() > 0


def test_a_token_is_renewed_before_it_ends(up: Server) -> None:
    up.at += 3600 - 59
    assert up.run()[:2] == [Ask.CHALLENGE, Ask.SESSION]


def test_a_released_workstation_says_so(up: Server) -> None:
    up.at += HEARTBEAT
    up.says[Ask.STATUS] = error(403, "workstation_not_paired")
    up.says[Ask.SESSION] = error(403, "workstation_not_paired")
    up.run()
    assert (up.link.up, up.link.fault, up.link.token) == (False, "workstation_not_paired", None)


def test_a_reply_that_is_no_message_is_no_success(up: Server) -> None:
    for body in (b"<html>", b"[]", b'{"version": 1}', b"\xff"):
        up.link.want_state()
        up.says[Ask.STATE] = [Reply(200, body), ok(STATE)]
        up.run()
        up.at += 8.5
        up.run()
    assert len(events_of(up.events, x.StateSeen)) == 4


# Acts, journals, files


def test_an_act_goes_first_and_its_outcome_is_told(up: Server) -> None:
    up.at += HEARTBEAT
    state = replace(STATE, version=6, step=Step.IDENTIFIED)
    up.says[Ask.ACT] = [ok(state)]
    ref = up.link.act(Route.SIGN_IN, p.SignInRequest("T", "I"))
    assert up.run()[0] == Ask.ACT
    assert json.loads(up.asked[0].body) == {"ticket": "T", "id_number": "I"}
    assert up.events[:2] == [x.StateSeen(state), x.ActDone(ref, "", {})]


def test_a_refused_act_is_told_with_its_reason_and_not_repeated(up: Server) -> None:
    up.says[Ask.ACT] = [Reply(409, b'{"code": "wrong_seat", "params": {"seat": "7"}}')]
    ref = up.link.act(Route.SIGN_IN, p.SignInRequest("T", "I"))
    up.run()
    assert events_of(up.events, x.ActDone) == [x.ActDone(ref, "wrong_seat", {"seat": "7"})]
    assert [one.ask for one in up.asked].count(Ask.ACT) == 1
    assert up.link.up


def test_an_act_whose_reply_is_lost_is_told_and_the_state_fetched(up: Server) -> None:
    up.says[Ask.ACT] = [None]
    ref = up.link.act(Route.SIGN_IN, p.SignInRequest("T", "I"))
    up.run()
    assert x.ActDone(ref, "no_link", {}) in up.events
    up.wait()
    assert Ask.STATE in up.run()


def test_too_many_tries_do_not_stop_the_answers(up: Server) -> None:
    up.says[Ask.ACT] = [error(429, "too_many_tries")]
    up.link.act(Route.SIGN_IN, p.SignInRequest("T", "I"))
    up.outbox.add([record(1)])
    up.says[Ask.ANSWERS] = [ok(p.AnswersReply({"1": 1}))]
    assert Ask.ANSWERS in up.run()
    assert up.link.up


def test_an_act_survives_a_dead_token(up: Server) -> None:
    up.at += 2.0
    up.says[Ask.ACT] = [error(401, "token_expired"), ok(STATE)]
    ref = up.link.act(Route.CONFIRM, p.ConfirmRequest(True))
    up.run()
    assert x.ActDone(ref, "", {}) in up.events


def test_a_dropped_act_is_not_sent(up: Server) -> None:
    ref = up.link.act(Route.CONFIRM, p.ConfirmRequest(True))
    up.link.drop_act(ref)
    assert up.run() == []


def test_a_journal_is_asked_for_until_granted(up: Server) -> None:
    grant = p.JournalReply(7, 1, p.ZERO_HEAD, "a2V5")
    up.says[Ask.JOURNAL] = [error(409, "not_started"), ok(grant)]
    up.link.want_journal(7)
    assert up.run() == [Ask.JOURNAL]
    up.wait()
    assert Ask.JOURNAL in up.run()
    assert events_of(up.events, x.JournalGranted) == [x.JournalGranted(grant)]
    up.at += 10
    assert Ask.JOURNAL not in up.run()


def test_a_new_state_ends_the_pause_before_a_journal(up: Server) -> None:
    grant = p.JournalReply(7, 1, p.ZERO_HEAD, "a2V5")
    up.says[Ask.JOURNAL] = [error(409, "not_started"), ok(grant)]
    up.link.want_journal(7)
    up.run()
    up.link.pushed(encode(replace(STATE, version=6)))
    assert up.run() == [Ask.JOURNAL]


def test_a_journal_that_could_not_be_used_is_not_asked_for_in_a_loop(up: Server) -> None:
    up.says[Ask.JOURNAL] = ok(p.JournalReply(7, 1, p.ZERO_HEAD, "a2V5"))
    up.link.want_journal(7)
    up.run()
    up.link.want_journal(7)
    assert up.run() == []
    assert up.wait() >= 0.5


def test_files_travel_in_a_lane_of_their_own(up: Server) -> None:
    up.link.bulk.want(Ask.PACKAGE, "abc", "/agent/package?sha256=abc")
    up.says[Ask.PACKAGE] = [Reply(500, b""), Reply(200, b"data"), Reply(200, b"data")]
    assert up.step(Lane.BULK) is Ask.PACKAGE
    assert up.link.up  # its trouble is not the link's
    up.outbox.add([record(1)])
    up.says[Ask.ANSWERS] = [ok(p.AnswersReply({"1": 1}))]
    assert up.run()[0] == Ask.ANSWERS
    up.at += 8.0
    assert up.step(Lane.BULK) is Ask.PACKAGE
    assert events_of(up.events, x.Fetched) == [x.Fetched(Ask.PACKAGE, "abc", b"data")]
    assert up.step(Lane.BULK) is None  # still wanted, so it was no good: not at once again
    up.link.bulk.want(Ask.PACKAGE, "", "")
    up.at += 60.0
    assert up.step(Lane.BULK) is None


def test_a_file_nobody_wants_any_more_is_dropped(up: Server) -> None:
    up.link.bulk.want(Ask.PHOTO, "T1", Route.PHOTO)
    request = up.link.next(Lane.BULK, up.at)
    assert isinstance(request, Request)
    up.link.bulk.want(Ask.PHOTO, "T2", Route.PHOTO)
    assert up.link.reply(Lane.BULK, request, Reply(200, b"other"), up.at) == []


def test_the_receipt_waits_for_the_last_answer(up: Server) -> None:
    receipt = p.Receipt(7, "T", 1, 1, "00", 0, NOW, "sig")
    up.says |= {Ask.RECEIPT: [ok(receipt)], Ask.ANSWERS: [ok(p.AnswersReply({"1": 1}))]}
    up.outbox.add([record(1)])
    up.link.want_receipt(7)
    assert up.run() == [Ask.ANSWERS, Ask.RECEIPT]
    assert events_of(up.events, x.ReceiptSeen) == [x.ReceiptSeen(receipt)]


def test_the_receipt_of_another_attempt_is_no_receipt(up: Server) -> None:
    up.says[Ask.RECEIPT] = ok(p.Receipt(8, "T", 1, 1, "00", 0, NOW, "sig"))
    up.link.want_receipt(7)
    up.run()
    assert events_of(up.events, x.ReceiptSeen) == []
