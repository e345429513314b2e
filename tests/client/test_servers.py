"""Which of several servers an agent talks to: a table, and the laws that no order of words may break."""

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.exchange import FOREVER
from client.servers import ASK_AFTER, GONE_AFTER, Heard, Question, Servers, chosen, keeper, load_epoch
from exam_rooms.standby_messages import EpochReply, Reign, ServerState, reign_of

A, B, C = "https://a:1", "https://b:1", "https://c:1"


def word(epoch: int, state: ServerState = ServerState.ACTIVE, servers: tuple[str, ...] = ()) -> EpochReply:
    return EpochReply(epoch, state, servers)


@pytest.mark.parametrize(
    ("known", "other", "gone", "expected"),
    [
        (1, None, True, A),  # nobody else has said anything
        (1, Heard(Reign(1), False), True, A),  # a standby does not serve
        (1, Heard(Reign(2), False), True, A),
        (1, Heard(Reign(1), True), False, A),  # ours serves: no reason to go to its equal
        (1, Heard(Reign(1), True), True, B),
        (1, Heard(Reign(2), True), False, B),  # ours was replaced and does not know it yet
        (1, Heard(Reign(2), True), True, B),
        (2, Heard(Reign(1), True), True, A),  # never back to a lower epoch, however lonely
        (0, Heard(Reign(1), True), True, B),  # before the first epoch anybody who serves will do
    ],
)
def test_where_to_go(known: int, other: Heard | None, gone: bool, expected: str) -> None:
    heard = {} if other is None else {B: other}
    assert chosen((A, B), A, Reign(known), heard, gone) == expected


def test_of_two_that_took_over_the_higher_epoch_is_right() -> None:
    heard = {B: Heard(Reign(2), True), C: Heard(Reign(3), True)}
    assert chosen((A, B, C), A, Reign(1), heard, gone=True) == C


def asked_until(servers: Servers, end: float, step: float = 0.1) -> list[tuple[float, Question]]:
    found, now = [], 0.0
    while now < end:
        question = servers.question(now)
        if isinstance(question, Question):
            found.append((now, question))
        now += step
    return found


def test_others_are_asked_soon_after_the_first_failure_and_told_that_ours_is_gone_later() -> None:
    servers = Servers((A, B), random.Random(1), reign=Reign(1))
    servers.failed(0.0)
    asked = asked_until(servers, 20.0)
    assert all(question.address == B for _, question in asked)
    first = asked[0][0]
    assert first <= ASK_AFTER + 0.2
    assert not any(question.gone for now, question in asked if now < GONE_AFTER)
    assert all(question.gone for now, question in asked if now >= GONE_AFTER)
    gaps = [after - before for (before, _), (after, _) in pairwise(asked)]
    assert max(gaps) <= 2.1


def test_in_need_a_standby_that_answered_is_asked_before_other_names_of_a_dead_machine() -> None:
    servers = Servers((A, B, C), random.Random(1), reign=Reign(1))
    assert not servers.told(B, word(1, ServerState.STANDBY), 0.0)
    servers.failed(0.0)
    asked = [question.address for _, question in asked_until(servers, 60.0)]
    assert asked.count(B) >= 0.6 * len(asked)
    assert asked.count(C) >= 0.25 * len(asked)


def test_in_need_every_server_is_asked_in_turn_while_none_has_answered() -> None:
    servers = Servers((A, B, C), random.Random(1), reign=Reign(1))
    servers.failed(0.0)
    asked = [question.address for _, question in asked_until(servers, 60.0)]
    assert abs(asked.count(B) - asked.count(C)) <= 1


def test_a_seat_that_is_served_asks_seldom_and_also_its_own_server() -> None:
    servers = Servers((A, B), random.Random(1), reign=Reign(1))
    asked = [question.address for _, question in asked_until(servers, 60.0)]
    assert 3 <= asked.count(B) <= 6
    assert 1 <= asked.count(A) <= 2
    assert not any(question.gone for _, question in asked_until(servers, 60.0))


def test_a_seat_with_one_server_only_asks_that_one_who_else_there_is() -> None:
    servers = Servers((A,), random.Random(1), reign=Reign(1))
    assert {question.address for _, question in asked_until(servers, 100.0)} == {A}
    assert servers.told(A, word(1, servers=(B, "ftp://x", "https://y/path")), 0.0) is False
    assert servers.addresses == (A, B)


def test_a_link_without_addresses_asks_nobody() -> None:
    servers = Servers()
    servers.failed(0.0)
    assert servers.question(100.0) == 101.5
    servers.answered()
    assert servers.question(0.0) in (FOREVER, Question("", gone=False))


def test_after_moving_the_former_server_is_asked_at_once_so_that_it_hears_the_epoch() -> None:
    kept: list[Reign] = []
    servers = Servers((A, B), random.Random(1), reign=Reign(1), keep=kept.append)
    servers.failed(0.0)
    assert servers.told(B, word(2), 5.0)
    assert (servers.current, servers.epoch, kept) == (B, 2, [Reign(2)])
    questions = {question.address for _, question in asked_until_from(servers, 5.0)}
    assert A in questions


def asked_until_from(servers: Servers, now: float) -> list[tuple[float, Question]]:
    found = []
    for _ in range(3):
        question = servers.question(now)
        if isinstance(question, Question):
            found.append((now, question))
    return found


def test_an_epoch_is_on_the_disk_with_its_proof_before_it_is_used(tmp_path: Path) -> None:
    seen: list[str] = []

    def keep(reign: Reign) -> None:
        keeper(tmp_path)(reign)
        seen.append(str(load_epoch(tmp_path)))
        assert servers.reign < reign

    servers = Servers((A, B), reign=load_epoch(tmp_path), keep=keep)
    assert load_epoch(tmp_path) == Reign(0)
    third = Reign(3, 17, "0123456789abcdef" * 2)
    assert servers.raised(third) and seen == ["3.17.0123456789abcdef0123456789abcdef"]
    assert not servers.raised(third) and not servers.raised(Reign(3, 16)) and not servers.raised(Reign(2, 99))
    assert servers.raised(Reign(3, 18)), "of two servers with one number the one that began later"
    (tmp_path / "epoch").write_text("no number")
    assert load_epoch(tmp_path) == Reign(0)


@pytest.mark.parametrize(
    "said",
    ["", "x", "2.", "2.3", "2.3.xyz", "2.-1." + "a" * 32, "2.1." + "A" * 32, "2.1." + "a" * 32 + ".1", "²"],
)
def test_what_is_no_reign(said: str) -> None:
    assert reign_of(said) == Reign()


words = st.tuples(
    st.sampled_from([A, B, C]),
    st.integers(1, 5),
    st.sampled_from(list(ServerState)),
    st.booleans(),
)


@pytest.mark.dear
@given(st.lists(words, max_size=30))
def test_no_sequence_of_words_leads_to_a_lower_epoch(said: list[tuple[str, int, ServerState, bool]]) -> None:
    servers = Servers((A, B, C), random.Random(1), reign=Reign(1))
    now, highest = 0.0, 1
    for address, epoch, state, fails in said:
        now += 3.0
        if fails:
            servers.failed(now - ASK_AFTER)
        before = servers.current
        moved = servers.told(address, word(epoch, state), now)
        assert servers.epoch >= highest
        highest = servers.epoch
        if moved:
            assert servers.current == address != before
            assert state is ServerState.ACTIVE and epoch == highest
