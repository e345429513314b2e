"""Which breaches are told: begin and end under one name, grace, no flood, nothing lost from the count."""

from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.breach_ledger import MOST, WINDOW_NS, Cause, Ledger
from exam_rooms.incidents import BREACHES, LASTING_BREACHES, IncidentKind
from exam_rooms.kiosk_messages import BreachNote

SECOND = 10**9
USB, FOCUS, PAGE = IncidentKind.USB_DEVICE, IncidentKind.FOCUS_LOST, IncidentKind.SECOND_PAGE
NO_GRACE: dict[str, float] = {}


@pytest.fixture
def ledger() -> Ledger:
    return make_ledger()


def make_ledger() -> Ledger:
    numbers = count(1)
    return Ledger("boot", lambda: f"{next(numbers):032x}")


def short(notes: tuple[BreachNote, ...]) -> list[tuple[str, str, bool, int]]:
    return [(note.kind, note.detail, note.ended, note.count) for note in notes]


def test_a_cause_is_told_when_it_begins_and_when_it_is_gone(ledger: Ledger) -> None:
    ledger.noticed(USB, "storage 1:2", 5 * SECOND)
    (begun,) = ledger.take(6 * SECOND, NO_GRACE)
    assert (begun.kind, begun.detail, begun.ended, begun.boot_id) == (
        "USB_DEVICE",
        "storage 1:2",
        False,
        "boot",
    )
    assert (begun.since_ns, begun.boot_ns) == (5 * SECOND, 6 * SECOND)
    ledger.noticed(USB, "storage 1:2", 7 * SECOND)
    assert ledger.take(8 * SECOND, NO_GRACE) == ()
    ledger.gone(USB, "storage 1:2", 9 * SECOND, NO_GRACE)
    (ended,) = ledger.take(9 * SECOND, NO_GRACE)
    assert (ended.ref, ended.ended, ended.since_ns) == (begun.ref, True, 9 * SECOND)
    assert ledger.open == ()


def test_two_causes_of_one_kind_have_names_of_their_own(ledger: Ledger) -> None:
    ledger.noticed(USB, "a", 0)
    ledger.noticed(USB, "b", 0)
    first, second = ledger.take(0, NO_GRACE)
    ledger.gone(USB, "a", SECOND, NO_GRACE)
    (ended,) = ledger.take(SECOND, NO_GRACE)
    assert first.ref != second.ref and ended.ref == first.ref
    assert [cause.detail for cause in ledger.open] == ["b"]


@pytest.mark.parametrize(("lasted", "told"), [(0.0, 0), (0.99, 0), (1.0, 1), (5.0, 1)])
def test_within_its_grace_a_cause_is_nothing(ledger: Ledger, lasted: float, told: int) -> None:
    grace = {"FOCUS_LOST": 1.0}
    ledger.noticed(FOCUS, "", 0)
    now = int(lasted * SECOND)
    assert len(ledger.take(now, grace)) == told
    ledger.gone(FOCUS, "", now, grace)
    assert len(ledger.take(now, grace)) == told  # its end, if its beginning was told


def test_what_happens_in_one_moment_has_no_end(ledger: Ledger) -> None:
    ledger.noticed(PAGE, "", 0)
    assert short(ledger.take(0, NO_GRACE)) == [("SECOND_PAGE", "", False, 1)]
    ledger.gone(PAGE, "", SECOND, NO_GRACE)
    assert ledger.take(SECOND, NO_GRACE) == ()


def test_a_flood_is_folded_and_counted(ledger: Ledger) -> None:
    for moment in range(100):
        ledger.noticed(PAGE, "", moment)
    assert short(ledger.take(100, NO_GRACE)) == [("SECOND_PAGE", "", False, 1)] * MOST
    assert ledger.take(WINDOW_NS - 1, NO_GRACE) == ()
    assert short(ledger.take(WINDOW_NS, NO_GRACE)) == [("SECOND_PAGE", "", False, 100 - MOST)]
    assert ledger.take(10 * WINDOW_NS, NO_GRACE) == ()


def test_one_kind_in_flood_hides_no_other(ledger: Ledger) -> None:
    for moment in range(50):
        ledger.noticed(PAGE, "", moment)
    ledger.take(50, NO_GRACE)
    ledger.noticed(USB, "storage", 51)
    assert [note.kind for note in ledger.take(51, NO_GRACE)] == ["USB_DEVICE"]


def test_a_cause_that_flickers_is_told_once_more_and_ended(ledger: Ledger) -> None:
    for moment in range(MOST + 3):
        ledger.noticed(FOCUS, "", moment)
        ledger.take(moment, NO_GRACE)
        ledger.gone(FOCUS, "", moment, NO_GRACE)
    ledger.take(MOST + 3, NO_GRACE)
    assert short(ledger.take(WINDOW_NS + 3, NO_GRACE)) == [
        ("FOCUS_LOST", "", False, 3),
        ("FOCUS_LOST", "", True, 1),
    ]


def test_a_cause_beyond_the_bound_that_goes_on_is_told_later(ledger: Ledger) -> None:
    for number in range(MOST + 1):
        ledger.noticed(USB, f"device {number}", 0)
    assert len(ledger.take(0, NO_GRACE)) == MOST
    assert [note.detail for note in ledger.take(WINDOW_NS, NO_GRACE)] == [f"device {MOST}"]


def test_when_the_candidate_leaves_everything_ends_and_is_told_anew_of_the_next(ledger: Ledger) -> None:
    ledger.noticed(USB, "storage", 0)
    (first,) = ledger.take(0, NO_GRACE)
    ledger.rest(SECOND)
    (ended,) = ledger.take_ended()
    assert (ended.ref, ended.ended) == (first.ref, True)
    (again,) = ledger.take(2 * SECOND, NO_GRACE)
    assert again.ref != first.ref and not again.ended


def test_a_restarted_agent_goes_on_under_the_old_names(ledger: Ledger) -> None:
    ledger.resume([Cause(USB, "storage", 5, "f" * 32)])
    ledger.noticed(USB, "storage", SECOND)
    assert ledger.take(SECOND, NO_GRACE) == ()
    ledger.gone(USB, "storage", 2 * SECOND, NO_GRACE)
    assert [note.ref for note in ledger.take(2 * SECOND, NO_GRACE)] == ["f" * 32]


def test_a_detail_is_a_short_name(ledger: Ledger) -> None:
    ledger.noticed(USB, "x" * 500, 0)
    assert [len(note.detail) for note in ledger.take(0, NO_GRACE)] == [80]
    ledger.gone(USB, "x" * 500, 1, NO_GRACE)
    assert [note.ended for note in ledger.take(1, NO_GRACE)] == [True]


STEPS = st.lists(
    st.tuples(st.sampled_from(BREACHES), st.sampled_from("ab"), st.booleans(), st.integers(0, 20 * SECOND)),
    max_size=60,
)


@pytest.mark.dear
@given(STEPS)
def test_whatever_happens_names_are_told_once_and_no_beginning_is_uncounted(
    steps: list[tuple[IncidentKind, str, bool, int]],
) -> None:
    ledger, now, told = make_ledger(), 0, []
    began: Counter[str] = Counter()
    holds: set[tuple[str, str]] = set()
    for kind, detail, ended, pause in steps:
        now += pause
        key = (str(kind), detail)
        if not ended:
            began[kind] += kind not in LASTING_BREACHES or key not in holds
            holds.add(key)
            ledger.noticed(kind, detail, now)
        else:
            holds.discard(key)
            ledger.gone(kind, detail, now, NO_GRACE)
        told += ledger.take(now, NO_GRACE)
    for _ in range(60):
        now += WINDOW_NS
        told += ledger.take(now, NO_GRACE)
    begun = [note for note in told if not note.ended]
    assert (
        Counter({kind: sum(n.count for n in begun if n.kind == kind) for kind in {n.kind for n in begun}})
        == +began
    )
    assert len({note.ref for note in begun}) == len(begun)
    seen: set[str] = set()
    for note in told:
        assert (note.ref in seen) == note.ended
        seen.add(note.ref)
    for kind in {note.kind for note in begun}:
        moments = [note.boot_ns for note in begun if note.kind == kind]
        assert all(sum(m - WINDOW_NS < other <= m for other in moments) <= MOST for m in moments)
