"""What leads on from where a standby is, and when a server counts as protected."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from server.rules.shipping import (
    PROTECTED_SECONDS,
    SILENT_SECONDS,
    SNAPSHOT_LEVEL,
    Shipment,
    lag_of,
    next_shipments,
    state_of,
)
from server.services.shipping_postgres import Facts, Guard, judged

NAME = "0000000000000001-00000000000000ff.ltx"


def test_a_name_says_what_lies_in_the_file() -> None:
    shipment = Shipment.of(2, NAME)
    assert shipment == Shipment(2, 1, 255)
    assert shipment.name == f"ltx/2/{NAME}"


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (0, f"{NAME}.tmp"),
        (0, "lineage"),
        (0, "0000000000000002-0000000000000001.ltx"),
        (0, "0000000000000000-0000000000000001.ltx"),
        (0, "../" + NAME),
        (-1, NAME),
        (SNAPSHOT_LEVEL + 1, NAME),
    ],
)
def test_other_names_are_no_shipments(level: int, name: str) -> None:
    assert Shipment.of(level, name) is None


@st.composite
def outboxes(draw: st.DrawFn) -> tuple[list[Shipment], int]:
    """What litestream may have left: merged runs of every level, single files of late, a snapshot."""
    newest = draw(st.integers(1, 60))
    cuts = sorted(draw(st.sets(st.integers(1, newest), max_size=8)) | {0, newest})
    merged = [Shipment(draw(st.integers(1, 8)), a + 1, b) for a, b in pairwise(cuts)]
    singles = [Shipment.single(n) for n in range(draw(st.integers(1, newest)), newest + 1)]
    snapshot = [Shipment(SNAPSHOT_LEVEL, 1, draw(st.integers(1, newest)))]
    return merged + snapshot + singles, newest


@rules(max_examples=60, deadline=None)
@given(outboxes(), st.data())
def test_every_standby_gets_to_the_newest_without_a_gap(
    outbox: tuple[list[Shipment], int], data: st.DataObject
) -> None:
    found, newest = outbox
    have = data.draw(st.integers(0, newest))
    chain = next_shipments(found, have)
    reached = have
    for shipment in chain:
        assert shipment.first <= reached + 1 <= shipment.last, "a gap"
        assert shipment.level < SNAPSHOT_LEVEL or have == 0, "whoever has something would have to begin anew"
        reached = shipment.last
    assert reached == newest
    assert (chain == []) == (have == newest)


def test_a_gap_in_the_outbox_is_not_jumped() -> None:
    assert next_shipments([Shipment.single(3), Shipment.single(4)], 1) == []
    assert next_shipments([Shipment.single(2), Shipment.single(4)], 1) == [Shipment.single(2)]


@pytest.mark.parametrize(
    ("pending", "silent", "lag"),
    [
        (0.0, 0.1, 0.0),
        (1.5, 0.1, 1.5),
        (0.0, SILENT_SECONDS, 0.0),
        (0.0, SILENT_SECONDS + 0.1, SILENT_SECONDS + 0.1),
        (60.0, 4.0, 60.0),
    ],
)
def test_behind_is_the_oldest_change_or_the_silence(pending: float, silent: float, lag: float) -> None:
    assert lag_of(pending, silent) == lag


@pytest.mark.parametrize(
    ("lag", "state"),
    [
        (None, "unprotected"),
        (0.0, "protected"),
        (PROTECTED_SECONDS, "protected"),
        (PROTECTED_SECONDS + 0.01, "unprotected"),
    ],
)
def test_the_state_follows_from_the_lag(lag: float | None, state: str) -> None:
    assert state_of(lag) == state


def facts(
    *,
    slot: bool = True,
    waits: bool = True,
    streaming: bool = True,
    missing: int | None = 0,
    confirmed: int = 1000,
) -> Facts:
    lag = 0.01 if streaming else None
    return Facts(slot, waits, streaming, streaming and waits, lag, missing, confirmed)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (facts(slot=False, waits=False, streaming=False, missing=None), "none"),
        (facts(), "protected"),
        (facts(streaming=False, missing=None), "unprotected"),
        (facts(waits=False), "unprotected"),
    ],
)
def test_postgres_protects_only_while_commits_wait(seen: Facts, state: str) -> None:
    assert judged(seen).state == state


class TestGuard:
    def test_a_standby_that_is_gone_is_let_go_after_the_wait_and_not_before(self) -> None:
        guard, gone = Guard(5.0), facts(streaming=False, missing=None)
        assert [guard.decide(gone, at) for at in (0.0, 4.9, 5.0)] == ["", "", "let_go"]

    def test_a_cut_cable_is_noticed_before_the_connection_is(self) -> None:
        guard, stuck = Guard(5.0), facts(missing=80)
        assert [guard.decide(stuck, at) for at in (0.0, 1.0, 5.9, 6.0)] == ["", "", "", "let_go"]

    def test_a_busy_standby_always_lacks_something(self) -> None:
        guard = Guard(5.0)
        assert [guard.decide(facts(missing=80, confirmed=at), at) for at in range(20)] == [""] * 20

    def test_an_idle_one_confirms_nothing_and_lacks_nothing(self) -> None:
        guard = Guard(5.0)
        assert [guard.decide(facts(), at) for at in range(20)] == [""] * 20

    def test_one_that_comes_back_in_time_begins_a_new_wait(self) -> None:
        guard, gone = Guard(5.0), facts(streaming=False, missing=None)
        assert [guard.decide(gone, 0.0), guard.decide(facts(), 4.0), guard.decide(gone, 6.0)] == ["", "", ""]
        assert guard.decide(gone, 10.9) == ""
        assert guard.decide(gone, 11.0) == "let_go"

    def test_one_that_caught_up_is_waited_for_again(self) -> None:
        guard = Guard(5.0)
        behind, there = facts(waits=False, missing=2 << 20), facts(waits=False)
        assert [guard.decide(behind, at) for at in (0.0, 10.0)] == ["", ""]
        assert [guard.decide(there, at) for at in (11.0, 15.9, 16.0)] == ["", "", "take_back"]

    def test_one_behind_a_cut_cable_is_not_waited_for_again(self) -> None:
        guard = Guard(5.0)
        assert [guard.decide(facts(waits=False, missing=80), at) for at in range(1, 20)] == [""] * 19

    def test_without_a_slot_nobody_is_waited_for(self) -> None:
        guard = Guard(0.0)
        assert guard.decide(facts(slot=False, waits=False), 100.0) == ""
