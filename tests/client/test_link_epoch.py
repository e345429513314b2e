"""The link when a server takes over: whose word counts, what is given up, and what is said first."""

import json
from dataclasses import replace
from typing import cast

import pytest

from client import exchange as x
from client.board import Board
from client.exchange import Ask, Lane, Reply, Request
from client.scout import Scout
from client.servers import Question
from exam_rooms import protocol as p
from exam_rooms.protocol import EPOCH_HEADER
from exam_rooms.standby_messages import Reign, ResumedJournal, ResumeReply, ResumeRequest
from exam_rooms.wire import decode
from tests.client.link_kit import NOW, STATE, Server, error, events_of, ok, record, sent_seqs


@pytest.fixture
def up() -> Server:
    """After the session, state and first heartbeat, with three of five records acknowledged."""
    server = Server()
    server.run()
    server.outbox.add([record(seq) for seq in range(1, 6)])
    server.says[Ask.ANSWERS] = [ok(p.AnswersReply({"1": 3}))]
    while server.step() is not Ask.ANSWERS:
        pass
    server.asked.clear()
    server.events.clear()
    return server


def of(epoch: int, reply: Reply) -> Reply:
    return replace(reply, reign=Reign(epoch))


def test_every_request_says_the_highest_epoch_that_was_met(up: Server) -> None:
    up.says[Ask.ANSWERS] = [ok(p.AnswersReply({"1": 5}))]
    up.step()
    assert up.asked[-1].headers[EPOCH_HEADER] == "1"


@pytest.mark.parametrize("epoch", [0, 1])
def test_an_acknowledgement_of_a_lower_epoch_or_of_none_counts_for_nothing(up: Server, epoch: int) -> None:
    up.link.servers.raised(Reign(2))
    up.says[Ask.ANSWERS] = [of(epoch, ok(p.AnswersReply({"1": 5})))]
    assert up.step() is Ask.ANSWERS
    assert up.outbox.upto(7, 1) == 3 and up.outbox.waiting() == 2
    assert not up.link.up
    assert up.link.servers.silent(up.at + 5) == 5.0


def test_a_fault_page_of_a_proxy_without_epoch_is_still_a_fault_page(up: Server) -> None:
    up.says[Ask.ANSWERS] = [of(0, error(502, "bad_gateway"))]
    assert up.step() is Ask.ANSWERS
    assert up.outbox.upto(7, 1) == 3 and not up.link.up


def test_a_higher_epoch_in_a_reply_is_kept_before_anything_else_is_said_and_the_reply_is_passed_over(
    up: Server,
) -> None:
    kept: list[Reign] = []
    up.link.servers._keep = kept.append
    up.says[Ask.ANSWERS] = [of(2, ok(p.AnswersReply({"1": 5})))]
    up.step()
    assert kept == [Reign(2)] and up.outbox.waiting() == 5
    assert x.EpochMoved(2) in up.events
    up.says[Ask.RESUME] = [of(2, ok(ResumeReply((ResumedJournal(7, 1, 2),))))]
    assert up.step() is Ask.RESUME
    assert up.asked[-1].headers[EPOCH_HEADER] == "2"
    held = decode(ResumeRequest, json.loads(up.asked[-1].body)).journals
    assert [(one.attempt, one.journal, one.seq) for one in held] == [(7, 1, 5)]
    up.says[Ask.ANSWERS] = [of(2, ok(p.AnswersReply({"1": 5})))]
    up.says[Ask.STATE] = of(2, ok(STATE))
    up.says[Ask.STATUS] = of(2, ok(p.StatusReply(NOW, 5)))
    up.run()
    sent = [request for request in up.asked if request.ask is Ask.ANSWERS]
    assert sent_seqs(sent[-1]) == [3, 4, 5]
    assert up.outbox.waiting() == 0


def test_what_is_said_to_a_server_carries_the_proof_of_the_highest_that_was_met(up: Server) -> None:
    second = Reign(2, 10, "ab" * 16)
    up.says[Ask.ANSWERS] = [replace(ok(p.AnswersReply({"1": 5})), reign=second)]
    up.step()
    up.says[Ask.RESUME] = [replace(ok(ResumeReply(())), reign=second)]
    assert up.step() is Ask.RESUME
    assert up.asked[-1].headers[EPOCH_HEADER] == "2.10." + "ab" * 16


def test_two_restored_backups_of_one_number_are_two_servers(up: Server) -> None:
    """The one that began later is the higher: nothing that the other acknowledges counts."""
    up.link.servers.raised(Reign(9, 20))
    up.says[Ask.ANSWERS] = [replace(ok(p.AnswersReply({"1": 5})), reign=Reign(9, 10))]
    up.step()
    assert up.outbox.upto(7, 1) == 3 and not up.link.up


def test_moving_gives_up_what_is_under_way_and_who_waits_for_it_is_told(up: Server) -> None:
    ref = up.link.act("/agent/confirm", p.ConfirmRequest(True))
    request = up.link.next(Lane.MAIN, up.at)
    assert isinstance(request, Request) and request.ask is Ask.ACT
    up.link.servers.raised(Reign(2))
    events = up.link.moved(up.at, anew=True)
    assert [event.ref for event in events_of(events, x.ActDone)] == [ref]
    assert up.link.reply(Lane.MAIN, request, ok(p.AnswersReply({"1": 5})), up.at) == []
    following = up.link.next(Lane.MAIN, up.at)
    assert isinstance(following, Request) and following.ask is Ask.RESUME


def test_a_server_that_cannot_resume_gets_everything_again(up: Server) -> None:
    up.link.servers.raised(Reign(2))
    up.link.moved(up.at, anew=True)
    up.says[Ask.RESUME] = [of(2, error(404, "page_missing"))]
    up.says[Ask.ANSWERS] = [of(2, ok(p.AnswersReply({"1": 5})))]
    up.says[Ask.STATUS] = of(2, ok(p.StatusReply(NOW, 5)))
    up.says[Ask.STATE] = of(2, ok(STATE))
    up.run()
    assert sent_seqs(next(one for one in up.asked if one.ask is Ask.ANSWERS)) == [1, 2, 3, 4, 5]
    assert up.outbox.waiting() == 0


def test_a_refusal_stands_only_where_the_new_server_has_the_record() -> None:
    server = Server()
    server.outbox.add([record(seq) for seq in range(1, 4)])
    refused = (p.RefusedRecord(1, 2, "fork"), p.RefusedRecord(1, 3, "submit_too_early"))
    server.outbox.acknowledge(7, p.AnswersReply({"1": 3}, refused))
    assert server.outbox.waiting() == 0
    server.outbox.rewind()
    server.outbox.resume(ResumedJournal(7, 1, 2))
    assert server.outbox.refusal(7, 1, 2) == "fork" and server.outbox.refusal(7, 1, 3) is None
    assert [one.seq for one in server.outbox.batch(7)] == [3]


def test_what_the_new_server_does_not_take_waits_for_a_rescue() -> None:
    server = Server()
    server.outbox.add([record(seq) for seq in range(1, 4)])
    server.outbox.rewind()
    server.outbox.resume(ResumedJournal(7, 1, 0, "journal_unknown"))
    assert server.outbox.batch(7) == () and server.outbox.stranded_attempts() == {7}


def test_an_equal_epoch_elsewhere_is_the_same_server_to_us(up: Server) -> None:
    assert events_of(up.link.moved(up.at, anew=False), x.EpochMoved) == []
    assert up.outbox.waiting() == 2


def test_what_is_told_of_epochs_is_told_with_the_token(up: Server) -> None:
    """Servers believe nobody else; while another token is fetched the last one serves."""
    scout = Scout(up.link, cast("Board", None), None, lambda _events: None)
    for gone in (False, True):
        for token in ("mine", None):
            up.link._door.token = token
            asked = scout._request(Question("https://10.0.0.3:8443", gone), 0.0)
            assert asked.headers["Authorization"] == "Bearer mine"
