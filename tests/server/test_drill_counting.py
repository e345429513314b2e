"""What a drill of answers counts: the ledger, the order of its faults, ways back, the sum of all runs."""

import json
import multiprocessing
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from server.cli.drill import drill, sums, takeover
from server.cli.drill.choices import LEAST, responses
from server.cli.drill.drilling import Report
from server.cli.drill.ledger import Given, Ledger, aligned
from server.cli.drill.returns import Return, Trouble
from server.cli.drill.room import Order
from server.cli.drill.room_faults import NEEDS, ROOM_FAULTS
from server.cli.drill.schedule import Kinds, parted, schedule
from server.cli.drill.sums import FaultSum, Sum, SumBroken
from server.cli.drill.telling import ANSWERS, kinds_of
from server.cli.rehearse.fleet import FleetFault

QUESTION = (7, "q1")


def told(*responses: str, unsure: str = "") -> list[Given]:
    return [Given((one,), "fault", one not in unsure) for one in responses]


def stored(text: str) -> list[tuple[str, ...]]:
    return [(one,) for one in text]


@pytest.mark.parametrize(
    ("given_", "unsure", "found", "lost", "doubled"),
    [
        ("ABC", "", "ABC", 0, 0),
        ("ABC", "B", "AC", 0, 0),  # nobody said that B was saved
        ("ABC", "B", "ABC", 0, 0),  # and it may be there all the same
        ("ABC", "", "AC", 1, 0),
        ("ABC", "", "AB", 1, 0),
        ("ABC", "", "", 3, 0),
        ("ABC", "", "ABBC", 0, 1),
        ("ABC", "", "ABCC", 0, 1),
        ("ABA", "", "ABA", 0, 0),
        ("ABA", "", "AB", 1, 0),
        ("AB", "", "BA", 1, 1),  # the order is part of what a candidate chose
        ("", "", "A", 0, 1),
    ],
)
def test_answers_are_laid_beside_what_was_told(
    given_: str, unsure: str, found: str, lost: int, doubled: int
) -> None:
    gone, extra = aligned(told(*given_, unsure=unsure), stored(found))
    assert (len(gone), len(extra)) == (lost, doubled)


@given(st.text("ABCD", max_size=12), st.data())
def test_whatever_was_never_confirmed_may_be_missing_and_nothing_else(
    choices: str, data: st.DataObject
) -> None:
    sure = data.draw(st.lists(st.booleans(), min_size=len(choices), max_size=len(choices)))
    kept = data.draw(st.lists(st.booleans(), min_size=len(choices), max_size=len(choices)))
    given_ = [Given((one,), "", is_sure) for one, is_sure in zip(choices, sure, strict=True)]
    found = [(o,) for o, is_sure, is_kept in zip(choices, sure, kept, strict=True) if is_sure or is_kept]
    assert aligned(given_, found) == ([], [])


def test_the_ledger_counts_by_fault_and_a_repetition_once() -> None:
    ledger = Ledger()
    first = ledger.give(QUESTION, ("A",), "link_cut")
    assert ledger.give(QUESTION, ("A",), "agent_kill") is first
    first.acknowledged = True
    ledger.give(QUESTION, ("B",), "disk_full").acknowledged = True
    tallies = ledger.judge({QUESTION: [("A",)]})
    assert (tallies["link_cut"].acknowledged, tallies["link_cut"].lost) == (1, 0)
    assert (tallies["disk_full"].acknowledged, tallies["disk_full"].lost) == (1, 1)
    strange = ledger.judge({QUESTION: [("A",), ("B",)], (8, "q9"): [("C",)]})
    assert sum(tally.doubled for tally in strange.values()) == 1


@pytest.mark.parametrize("kind", ["single", "multiple", "essay"])
def test_a_choice_does_not_come_back_soon(kind: str) -> None:
    item = {"kind": kind, "options": [{"key": key} for key in "ABCD"]}
    choices = responses(item)
    assert choices is not None
    drawn = list(islice(choices, 30))
    assert all(len(set(drawn[start : start + LEAST])) == LEAST for start in range(26))
    assert responses({"kind": "judge", "options": [{"key": key} for key in "AB"]}) is None


# --- the order of the faults

KINDS = Kinds(("a", "b", "c"), ("X", "Y"))


def test_every_kind_of_fault_comes_before_one_comes_again() -> None:
    drawn = schedule(16, "seed", KINDS)
    assert Counter(drawn[:5]) == Counter(drawn[8:13]) == Counter(KINDS.every)
    assert Counter(drawn[5:8]) == Counter(drawn[13:]) == Counter(KINDS.seat)  # the seats' once more
    assert schedule(16, "seed", KINDS) == drawn != schedule(16, "other", KINDS)


@given(st.integers(0, 60), st.text(max_size=5))
def test_every_round_is_played_by_a_seat_or_by_the_room(rounds: int, seed: str) -> None:
    drawn = schedule(rounds, seed, KINDS)
    seat, room = parted(drawn, KINDS)
    assert len(drawn) == rounds
    assert Counter(seat) + Counter(room) == Counter(drawn)
    assert set(seat) <= set(KINDS.seat)
    assert set(room) <= set(KINDS.room)


@pytest.mark.parametrize(
    ("kept_in", "workers", "missing"),
    [("sqlite", 1, {"database_kill", "redis_kill"}), ("postgres", 1, {"redis_kill"}), ("postgres", 2, set())],
)
def test_only_what_is_there_can_be_killed(kept_in: str, workers: int, missing: set[str]) -> None:
    assert set(ROOM_FAULTS) - set(kinds_of(kept_in, workers).room) == missing


def test_a_drill_of_answers_knows_a_part_of_all_faults() -> None:
    small, every = ANSWERS, kinds_of("sqlite", 1)
    assert set(small.seat) < set(every.seat)
    assert set(small.room) < set(every.room)
    assert set(NEEDS) <= set(ROOM_FAULTS)


# --- the way back


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("given_at", "back"), [(9.9, None), (10.0, None), (10.1, 12.0)])
def test_only_an_answer_given_afterwards_shows_that_a_seat_is_back(
    given_at: float, back: float | None
) -> None:
    way = Return(10.0)
    way.confirmed({"q1": given_at}, 12.0)
    assert way.back == back
    assert way.open is (back is None)


def test_the_first_word_counts_and_none_for_a_way_that_another_fault_crossed() -> None:
    way, crossed = Return(10.0), Return(10.0, spoiled=True)
    for now in (12.0, 15.0):
        way.confirmed({"q1": 11.0}, now)
        crossed.confirmed({"q1": 11.0}, now)
    assert way.back == 12.0
    assert crossed.back is None
    assert not crossed.open


def test_the_calm_clock_stands_still_while_a_fault_holds_the_room() -> None:
    hands = Hands()
    trouble = Trouble(hands)
    before = trouble.calm()
    hands.now += 2
    with trouble.of("server_kill"):
        hands.now += 30
        assert trouble.calm() == before + 2
        assert trouble.label == "server_kill"
    hands.now += 3
    assert trouble.calm() == before + 5
    with pytest.raises(ValueError, match="stuck"), trouble.of("restart_storm"):
        hands.now += 7
        raise ValueError("stuck")
    assert trouble.calm() == before + 5


@pytest.mark.parametrize(
    ("healed", "since", "back", "seconds"),
    [
        (0.0, 10.0, 13.0, 3.0),
        (11.0, 10.0, 13.0, 2.0),  # the server came back later than the seat's own line
        (13.0, 10.0, 13.0, 0.0),
        (14.0, 10.0, 13.0, 3.0),  # that was after the seat was back
    ],
)
def test_a_way_back_is_counted_from_the_latest_healing(
    healed: float, since: float, back: float, seconds: float
) -> None:
    trouble = Trouble()
    trouble.healed_at = healed
    assert trouble.seconds(Return(since, back)) == seconds


# --- sums

COUNT = st.integers(0, 1000)
FAULT = st.builds(
    FaultSum, COUNT, COUNT, COUNT, COUNT, COUNT, st.dictionaries(COUNT, st.integers(1, 9)).map(Counter)
)
SUM = st.builds(
    Sum,
    COUNT,
    COUNT,
    COUNT.map(float),
    COUNT,
    COUNT,
    COUNT,
    COUNT,
    st.dictionaries(st.sampled_from(["link_cut", "server_kill"]), FAULT),
)


def took(*seconds: float) -> FaultSum:
    found = FaultSum()
    for each in seconds:
        found.took(each)
    return found


@pytest.mark.parametrize(
    ("seconds", "median", "greatest"),
    [((0.31,), 0.3, 0.3), ((1, 2), 1.0, 2.0), ((3, 1, 2), 2.0, 3.0), ((5, 0.04, 0.1, 9), 0.1, 9.0)],
)
def test_the_median_way_back_and_the_longest(
    seconds: tuple[float, ...], median: float, greatest: float
) -> None:
    assert took(*seconds).to_json()["seconds"] == {"p50": median, "max": greatest}
    assert took().to_json()["seconds"] is None


@pytest.mark.dear
@settings(max_examples=40)
@given(SUM, SUM, SUM)
def test_sums_can_be_added_in_any_order(one: Sum, two: Sum, three: Sum) -> None:
    assert one.plus(two).plus(three) == two.plus(three.plus(one))
    assert (
        one.plus(Sum()) == one.plus(Sum(by_fault={"link_cut": FaultSum()})) or "link_cut" not in one.by_fault
    )


@settings(max_examples=20)
@given(SUM, SUM)
def test_what_is_appended_is_read_back_as_the_sum_of_its_store(
    tmp_path_factory: pytest.TempPathFactory, one: Sum, two: Sum
) -> None:
    file = tmp_path_factory.mktemp("sums") / "sums.json"
    assert sums.append(file, "sqlite", one) == Sum().plus(one)
    sums.append(file, "postgres", two)
    assert sums.append(file, "sqlite", two) == Sum().plus(one).plus(two)
    assert sums.read(file) == {"sqlite": Sum().plus(one).plus(two), "postgres": Sum().plus(two)}
    assert [path.name for path in file.parent.iterdir()] == ["sums.json"]


def added_ten_times(file: Path) -> None:
    for _turn in range(10):
        sums.append(file, "sqlite", Sum(runs=1, rounds=3, by_fault={"link_cut": took(0.5)}))


def test_runs_that_end_at_the_same_time_are_all_in_the_sum(tmp_path: Path) -> None:
    file = tmp_path / "sums.json"
    workers = [multiprocessing.Process(target=added_ten_times, args=(file,)) for _turn in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    found = sums.read(file)["sqlite"]
    assert (found.runs, found.rounds, found.by_fault["link_cut"].seconds) == (30, 90, Counter({5: 30}))


def damaged(**changes: object) -> str:
    whole = {"runs": 1, "rounds": 1, "acknowledged": 1, "lost": 0, "doubled": 0, "chain_errors": 0}
    one: dict[str, object] = {**whole, "seconds": 1.0, "by_fault": {}}
    return json.dumps({"stores": {"sqlite": {**one, **changes}}})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"stores": []}',
        '{"stores": {"sqlite": {}}}',
        damaged(lost=-1),
        damaged(lost="0"),
        damaged(lost=True),
        damaged(seconds="soon"),
        damaged(by_fault=[]),
        damaged(by_fault={"link_cut": {"tried": 1}}),
        "\x00\xff",
    ],
)
def test_a_damaged_file_is_refused_by_name_and_stays_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "sums.json"
    file.write_text(content)
    with pytest.raises(SumBroken, match=r"sums\.json"):
        sums.append(file, "sqlite", Sum(runs=1))
    assert file.read_text() == content
    told = CliRunner().invoke(drill, ["faults", "--append", str(file)])
    assert told.exit_code == 1
    assert "sums.json" in told.output


def test_a_drill_does_not_begin_without_a_folder_for_its_sums(tmp_path: Path) -> None:
    told = CliRunner().invoke(drill, ["faults", "--append", str(tmp_path / "away" / "sums.json")])
    assert told.exit_code == 1
    assert str(tmp_path / "away") in told.output


def test_a_takeover_that_comes_to_no_end_is_not_survived_and_costs_no_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    order = Order(2, 4, "s", lines.append, ANSWERS, takeovers=3)

    def played(name: str, acknowledged: int) -> Report:
        fault = FaultSum(tried=1, survived=1, acknowledged=acknowledged)
        found = Sum(runs=1, rounds=1, acknowledged=acknowledged, by_fault={name: fault})
        return Report(order, found, {}, 0, {}, {}, "mounted", "mounted")

    def taken_over(_order: Order, number: int) -> Report:
        if number == 1:
            raise FleetFault("180 s: standby")
        return played(takeover.TAKEOVER, 7)

    monkeypatch.setattr(takeover, "drilled", lambda _order: played("link_cut", 20))
    monkeypatch.setattr(takeover, "taken_over", taken_over)
    report = takeover.drilled_whole(order)
    found = report.found.by_fault[takeover.TAKEOVER]
    assert (found.tried, found.survived, found.acknowledged) == (3, 2, 14)
    assert (report.found.runs, report.found.rounds, report.found.acknowledged) == (1, 4, 34)
    assert not report.whole
    assert "180 s: standby" in lines
