"""The link without sockets: what it asks for, in which order, and what it does when replies fail."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from client import exchange as x
from client.exchange import Ask, Lane, Pace, Reply, Request
from client.link_beat import NOTICE_DELAY
from exam_rooms import protocol as p
from exam_rooms.pace import HEARTBEAT, heartbeat, silence
from exam_rooms.protocol import Step
from exam_rooms.wire import encode
from tests.client.link_kit import NOW, STATE, Server, error, events_of, ok, record, sent_seqs


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


def test_a_socket_that_ended_brings_the_next_heartbeat_forward_and_never_puts_it_off(up: Server) -> None:
    up.says[Ask.STATUS] = ok(p.StatusReply(NOW, 5, hint=10))
    up.wait()
    up.run()
    up.link.socket_ended(up.at)
    assert up.wait() <= HEARTBEAT
    assert up.run() == [Ask.STATUS]
    assert up.wait() > HEARTBEAT
    due = up.link._beat.due
    up.at = due - 0.01
    up.link.socket_ended(up.at)
    assert up.link._beat.due <= due
    up.at = due
    assert up.run() == [Ask.STATUS]


def test_a_socket_that_ends_while_a_heartbeat_is_under_way_is_followed_by_another_soon(up: Server) -> None:
    up.says[Ask.STATUS] = ok(p.StatusReply(NOW, 5, hint=10))
    up.wait()
    request = up.link.next(Lane.MAIN, up.at)
    assert isinstance(request, Request) and request.ask is Ask.STATUS
    up.link.socket_ended(up.at)
    up.link.reply(Lane.MAIN, request, up.says[Ask.STATUS], up.at)
    assert up.wait() <= HEARTBEAT
    assert up.run() == [Ask.STATUS]
    assert up.wait() > HEARTBEAT


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
