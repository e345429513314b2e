"""The seat's own judgement: what is shown and allowed at each step and at each edge of time."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from client.clock import ServerClock
from client.outbox import Outbox
from client.paper import Paper
from client.responses import ItemRule
from client.seat import PageRefused, Seat, Surroundings, receipt_text, short_head
from client.sheet import Entry, Sheet
from exam_rooms.kiosk_messages import FreezeView
from exam_rooms.protocol import (
    AnswersReply,
    PaperView,
    Receipt,
    Record,
    RecordKind,
    RefusedRecord,
    SeatState,
    SittingView,
    Step,
)
from exam_rooms.watch_messages import WarningView, WatchPlan
from exam_rooms.watching import WatchRules

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PAPER = Paper(
    b"{}", {"q1": ItemRule("multiple", frozenset("ABCD")), "q2": ItemRule("single", frozenset("AB"))}
)
STATE = SeatState(
    version=5,
    server_time=NOON,
    seat="12",
    step=Step.ANSWERING,
    sitting=SittingView("T", "R", "O", "L", NOON - timedelta(minutes=1), 90.0, "v1"),
    attempt=7,
    paper=PaperView("p", "0" * 64, 1, "A", "key"),
    started_at=NOON,
    deadline=NOON + timedelta(seconds=5400),
    submit_from=NOON + timedelta(seconds=1800),
)


@pytest.fixture
def seat() -> Seat:
    """Answering since boot second 0, which is noon at the server."""
    clock = ServerClock("b")
    clock.observe(NOON, sent=0.0, received=0.0)
    made = Seat(clock, Outbox())
    made.around = Surroundings(paired=True, link_up=True)
    made.take(STATE)
    made.open_paper(PAPER)
    return made


def record(seq: int, kind: RecordKind = RecordKind.ANSWER, item: str = "q1", journal: int = 1) -> Record:
    return Record(7, journal, seq, kind, item, "", "b", 0, "", f"{journal}/{seq}")


def write(seat: Seat, seq: int, kind: RecordKind, item: str = "", keys: tuple[str, ...] = ()) -> None:
    made = record(seq, kind, item)
    seat._outbox.add([made])
    seat.sheet.apply(Entry(made, keys))


def refusal(call: object, *arguments: object) -> str:
    with pytest.raises(PageRefused) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


# Time


@pytest.mark.parametrize(
    ("boot", "step"), [(0.0, "answering"), (5399.9, "answering"), (5400.0, "locked"), (9000.0, "locked")]
)
def test_the_seat_locks_at_its_deadline(seat: Seat, boot: float, step: str) -> None:
    assert seat.step(boot) == step
    if step == "locked":
        assert refusal(seat.check_answer, "q1", ("A",), boot) == "time_over"
        assert refusal(seat.check_submit, boot) == "time_over"
    else:
        assert seat.check_answer("q1", ("A",), boot) == (7, ("A",))


def test_a_time_credit_opens_it_again(seat: Seat) -> None:
    assert seat.step(5500.0) == "locked"
    seat.take(replace(STATE, version=6, deadline=NOON + timedelta(seconds=6000)))
    assert seat.step(5500.0) == "answering"
    assert seat.remaining(5500.0) == 500.0


@pytest.mark.parametrize(("boot", "left"), [(0.0, 1800.0), (1799.5, 0.5), (1800.0, 0.0), (2000.0, 0.0)])
def test_handing_in_opens_at_its_time(seat: Seat, boot: float, left: float) -> None:
    assert seat.submit_in(boot) == left
    if left:
        assert refusal(seat.check_submit, boot) == "too_early_to_submit"
    else:
        assert seat.check_submit(boot) == 7


def test_without_a_known_time_answers_are_still_kept(seat: Seat) -> None:
    """After a reboot without a link nothing is known of the server's time; the server decides later."""
    blind = Seat(ServerClock("b"), Outbox())
    blind.around = Surroundings(paired=True)
    blind.take(STATE)
    blind.open_paper(PAPER)
    assert (blind.step(0.0), blind.remaining(0.0)) == ("answering", None)
    assert blind.check_answer("q1", ("A",), 0.0) == (7, ("A",))
    assert blind.times(0.0)["time"]["remaining"] is None  # type: ignore[index]


def test_the_edges_of_time_wake_the_page(seat: Seat) -> None:
    assert seat.edges(0.0) == 1800.0
    assert seat.edges(1800.0) == 3600.0
    assert seat.edges(5400.0) is None


def test_times_of_the_view(seat: Seat) -> None:
    times = seat.times(100.0)
    assert times["server_time"] == (NOON + timedelta(seconds=100)).isoformat()
    assert times["time"] == {
        "remaining": 5300.0,
        "deadline": STATE.deadline.isoformat() if STATE.deadline else None,
        "starts_in": None,
        "submit_in": 1700.0,
    }
    seat.take(replace(STATE, version=6, step=Step.READY, started_at=None, deadline=None, submit_from=None))
    waiting = seat.times(-90.0)["time"]
    assert waiting == {"remaining": None, "deadline": None, "starts_in": 30.0, "submit_in": None}


# Steps


def test_unpaired_and_offline_starts() -> None:
    seat = Seat(ServerClock("b"), Outbox())
    assert seat.step(0.0) == "unpaired"
    seat.around = Surroundings(paired=True)
    assert seat.step(0.0) == "offline_start"
    assert refusal(seat.check_answer, "q1", ("A",), 0.0) == "not_answering"


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.ANSWERING])
def test_outside_of_answering_nothing_is_taken(seat: Seat, step: Step) -> None:
    seat.take(replace(STATE, version=6, step=step))
    assert seat.step(0.0) == step.value
    assert refusal(seat.check_answer, "q1", ("A",), 0.0) == "not_answering"
    assert refusal(seat.check_submit, 2000.0) == "not_answering"


@pytest.mark.parametrize(
    ("item", "response", "fits"),
    [
        ("q1", ("A",), True),
        ("q1", ("A", "B", "D"), True),
        ("q1", (), True),
        ("q2", ("B",), True),
        ("q2", ("A", "B"), False),
        ("q2", ("C",), False),
        ("q1", ("A", "A"), False),
        ("q1", ("a",), False),
        ("q9", ("A",), False),
        ("", (), False),
    ],
)
def test_a_response_must_fit_its_item(seat: Seat, item: str, response: tuple[str, ...], fits: bool) -> None:
    if fits:
        assert seat.check_answer(item, response, 0.0) == (7, response)
    else:
        assert refusal(seat.check_answer, item, response, 0.0) == "bad_response"


def test_handing_in_shows_at_once_and_closes_the_paper(seat: Seat) -> None:
    write(seat, 1, RecordKind.SUBMIT)
    assert seat.step(2000.0) == "submitted"
    assert refusal(seat.check_answer, "q1", ("A",), 2000.0) == "not_answering"


def test_a_refused_hand_in_opens_the_paper_again(seat: Seat) -> None:
    write(seat, 1, RecordKind.SUBMIT)
    seat._outbox.acknowledge(7, AnswersReply({"1": 1}, (RefusedRecord(1, 1, "submit_too_early"),)))
    assert seat.step(2000.0) == "answering"


def test_reopening_undoes_a_hand_in_once(seat: Seat) -> None:
    write(seat, 1, RecordKind.SUBMIT)
    seat.take(replace(STATE, version=6, step=Step.ENDED))
    seat.take(replace(STATE, version=7))
    assert seat.step(2000.0) == "answering"
    write(seat, 2, RecordKind.SUBMIT)
    assert seat.step(2000.0) == "submitted"


def test_the_next_candidate_finds_an_empty_desk(seat: Seat) -> None:
    write(seat, 1, RecordKind.ANSWER, "q1", ("A",))
    seat.receipt = Receipt(7, "T", 1, 1, "ab" * 32, 1, NOON, "s")
    seat.take(replace(STATE, version=6, step=Step.SIGN_IN, attempt=None))
    view = seat.view(0.0)
    assert (view["answers"], view["receipt"], seat.paper, view["step"]) == ({}, None, None, "sign_in")


def test_a_collected_seat_forgets_its_key(seat: Seat) -> None:
    seat.take(replace(STATE, version=6, step=Step.SUBMITTED))
    seat.forget_key()
    assert seat.paper is None
    assert seat.state is not None and seat.state.paper is not None and seat.state.paper.key is None


# View


def test_what_was_saved_where(seat: Seat) -> None:
    write(seat, 1, RecordKind.ANSWER, "q1", ("A",))
    write(seat, 2, RecordKind.ANSWER, "q2", ("B",))
    seat._outbox.acknowledge(7, AnswersReply({"1": 1}))
    view = seat.view(0.0)
    assert view["saved"] == {"q1": "server", "q2": "here"}
    assert (view["saving"], view["link"]) == ("here", {"up": True, "waiting": 1})
    write(seat, 3, RecordKind.CLEAR, "q1")
    assert seat.view(0.0)["saved"] == {"q1": "here", "q2": "here"}
    assert seat.view(0.0)["answers"] == {"q2": ["B"]}
    seat._outbox.acknowledge(7, AnswersReply({"1": 3}))
    assert seat.view(0.0)["saving"] == "server"
    seat.around = replace(seat.around, saving_failed=True, fault="disk_full")
    assert (seat.view(0.0)["saving"], seat.view(0.0)["fault"]) == ("unsaved", "disk_full")


def test_the_view_never_holds_keys_or_the_paper(seat: Seat) -> None:
    text = repr(seat.view(0.0))
    assert "'key'" not in text and "p.expkg" not in text


def test_receipts_are_shown_short_and_in_full(seat: Seat) -> None:
    receipt = Receipt(7, "T1", 1, 9, "0123456789abcdef" * 4, 5, NOON, "sig")
    seat.receipt = receipt
    shown = seat.view(0.0)["receipt"]
    assert shown == {
        "ticket": "T1",
        "head": receipt.head,
        "short": "0123-4567-89AB",
        "submitted_at": NOON.isoformat(),
        "answered": 5,
        "total": 2,
    }
    assert short_head(receipt.head) == "0123-4567-89AB"
    assert receipt.head in receipt_text(receipt) and "sig" in receipt_text(receipt)


# Sheet


def test_the_sheet_folds_by_journal_and_seq_whatever_the_order() -> None:
    entries = [
        Entry(record(2, journal=2), ("D",)),
        Entry(record(5, journal=1), ("A",)),
        Entry(record(1, journal=2), ("C",)),
        Entry(record(6, RecordKind.MARK, "q2"), ()),
        Entry(record(3, RecordKind.UNMARK, "q2", journal=2), ()),
        Entry(record(4, RecordKind.MARK, "q1", journal=2), ()),
    ]
    for order in (entries, entries[::-1], sorted(entries, key=lambda entry: entry.record.seq)):
        sheet = Sheet(order)
        assert (sheet.answers, list(sheet.marked), sheet.submit) == ({"q1": ("D",)}, ["q1"], None)


def test_a_submission_made_elsewhere_is_told_by_the_server_alone(seat: Seat) -> None:
    """The server may have refused it, or the attempt was reopened: this seat hears of neither."""
    submit = record(3, RecordKind.SUBMIT, "")
    seat.sheet = Sheet([Entry(submit, (), inherited=True)])
    assert seat.step(60.0) == Step.ANSWERING
    seat.sheet = Sheet([Entry(submit, ())])
    assert seat.step(60.0) == Step.SUBMITTED


# Camera and warnings


PLAN = WatchPlan(WatchRules(keep_days=90), template="c2VjcmV0IHRlbXBsYXRl", captures=(611.5, 4021.25))


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, ""),
        ({"manual": True}, "manual"),
        ({"enrol": True}, "enrol"),
        ({"enrol": True, "watch": True}, "enrol"),
        ({"watch": True}, "watch"),
        ({"manual": True, "enrol": True, "watch": True}, "manual"),
    ],
)
def test_the_page_hears_of_the_camera_in_one_word(seat: Seat, changes: dict[str, bool], mode: str) -> None:
    seat.around = replace(seat.around, camera="live")
    seat.take(replace(STATE, version=6, watch=replace(PLAN, **changes)))
    told = {"mode": mode, "camera": "live", "keep_days": 90, "challenge": None}
    assert seat.view(0.0)["watch"] == told


def test_a_standard_room_has_no_camera(seat: Seat) -> None:
    assert seat.view(0.0)["watch"] is None
    assert Seat(ServerClock("b"), Outbox()).view(0.0)["watch"] is None


def test_neither_the_face_nor_the_moments_of_random_pictures_reach_the_page(seat: Seat) -> None:
    seat.take(replace(STATE, version=6, watch=replace(PLAN, watch=True)))
    shown = json.dumps([seat.view(0.0), seat.times(0.0)])
    for hidden in (PLAN.template, "611.5", "4021", "template", "captures", "sample_seconds"):
        assert hidden not in shown


def test_unread_warnings_reach_the_page_in_their_order(seat: Seat) -> None:
    warnings = (WarningView(3, "请坐好。"), WarningView(4, "请摘下帽子。"))
    seat.take(replace(STATE, version=6, warnings=warnings))
    assert seat.view(0.0)["warnings"] == [
        {"warning": 3, "text": "请坐好。"},
        {"warning": 4, "text": "请摘下帽子。"},
    ]
    seat.take(replace(STATE, version=7))
    assert seat.view(0.0)["warnings"] == []


# A covered paper

FROZEN = replace(STATE, frozen=FreezeView("SECOND_SCREEN", NOON + timedelta(seconds=5)))


def test_a_covered_paper_is_not_shown_and_time_goes_on(seat: Seat) -> None:
    seat.take(FROZEN)
    assert seat.step(10.0) == "frozen"
    assert seat.view(10.0)["paper"] == "sealed"
    assert seat.remaining(10.0) == 5390.0
    assert refusal(seat.check_reading, 10.0) == "not_answering"
    assert refusal(seat.check_submit, 2000.0) == "not_answering"
    seat.take(STATE)
    assert (seat.step(20.0), seat.view(20.0)["paper"]) == ("answering", "open")
    assert seat.check_reading(20.0) is PAPER


def test_what_was_typed_just_before_the_cover_is_kept(seat: Seat) -> None:
    seat.take(FROZEN)
    assert seat.check_answer("q1", ["A"], 10.0) == (7, ("A",))


@pytest.mark.parametrize(("boot", "step"), [(5399.9, "frozen"), (5400.0, "locked")])
def test_a_covered_paper_ends_with_its_time(seat: Seat, boot: float, step: str) -> None:
    seat.take(FROZEN)
    assert seat.step(boot) == step


def test_a_cover_that_was_released_here_stays_away_and_another_one_does_not(seat: Seat) -> None:
    seat.take(FROZEN)
    seat.released = seat.cover
    assert (seat.step(10.0), seat.view(10.0)["paper"]) == ("answering", "open")
    seat.take(replace(FROZEN, version=9))  # the server has not heard of it yet
    assert seat.check_reading(20.0) is PAPER
    for other in (FreezeView("SECOND_SCREEN", NOON), FreezeView("USB_DEVICE", NOON + timedelta(seconds=5))):
        seat.take(replace(FROZEN, frozen=other))
        assert seat.step(30.0) == "frozen"


def test_the_next_candidate_finds_no_release(seat: Seat) -> None:
    seat.take(FROZEN)
    seat.released = seat.cover
    seat.take(replace(FROZEN, attempt=8))
    assert seat.step(10.0) == "frozen"


def test_who_has_handed_in_sees_no_cover(seat: Seat) -> None:
    write(seat, 2, RecordKind.SUBMIT)
    seat.take(FROZEN)
    assert seat.step(10.0) == "submitted"
