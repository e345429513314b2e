"""The link without sockets: acts, journals, files and the receipt."""

import json
from dataclasses import replace

import pytest

from client import exchange as x
from client.exchange import Ask, Lane, Reply, Request
from exam_rooms import protocol as p
from exam_rooms.pace import HEARTBEAT
from exam_rooms.protocol import Route, Step
from exam_rooms.wire import encode
from tests.client.link_kit import NOW, STATE, Server, error, events_of, ok, record


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
