"""Two looks at one picture: what contradicts, what is only less sure, and the edges."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.agreement import disagreement, one_sided
from exam_rooms.watching import ObservationNote

SEAT = ObservationNote(
    faces=1, persons=1, brightness=120, sharpness=200, quality="good", similarity=0.7, likeness="match"
)
QUALITIES = ("good", "blurred", "dark", "covered")
LIKENESSES = ("", "match", "unsure", "mismatch", "no_face", "no_photo")
NOTES = st.builds(
    ObservationNote,
    faces=st.integers(0, 5),
    persons=st.integers(0, 4),
    brightness=st.floats(0, 255),
    sharpness=st.floats(0, 1000),
    quality=st.sampled_from(QUALITIES),
    similarity=st.none() | st.floats(-1, 1),
    likeness=st.sampled_from(LIKENESSES),
    unavailable=st.sampled_from([(), ("detect",), ("verify",), ("detect", "verify")]),
)


@given(NOTES)
def test_a_look_agrees_with_itself(note: ObservationNote) -> None:
    assert disagreement(note, note) == ""


@given(NOTES, NOTES)
def test_it_does_not_matter_who_is_asked_first(one: ObservationNote, other: ObservationNote) -> None:
    """But for a mismatch that only the server sees: what the seat alone saw, the seat itself tells."""
    alone = one_sided(one, other) and "mismatch" in {one.likeness, other.likeness}
    assert alone or disagreement(one, other) == disagreement(other, one)
    assert one_sided(one, other) == one_sided(other, one)


@given(NOTES, NOTES)
def test_a_stranger_to_the_server_never_passes_unless_the_seat_had_a_doubt(
    seat: ObservationNote, server: ObservationNote
) -> None:
    stranger = replace(server, likeness="mismatch")
    assert disagreement(seat, stranger) or seat.likeness in {"mismatch", "unsure"}


@given(NOTES, NOTES)
def test_only_four_answers(one: ObservationNote, other: ObservationNote) -> None:
    assert disagreement(one, other) in ("", "persons", "quality", "likeness", "similarity")


@pytest.mark.parametrize(
    ("seat", "server", "expected"),
    [
        (0, 0, ""),
        (0, 1, "persons"),
        (1, 0, "persons"),
        (1, 1, ""),
        (1, 2, "persons"),
        (2, 2, ""),
        (2, 3, ""),  # more than one is one class
        (5, 2, ""),
        (0, 2, "persons"),
    ],
)
def test_how_many_sit_there(seat: int, server: int, expected: str) -> None:
    assert disagreement(replace(SEAT, persons=seat), replace(SEAT, persons=server)) == expected


def test_faces_behind_do_not_matter() -> None:
    assert disagreement(SEAT, replace(SEAT, faces=4)) == ""


@pytest.mark.parametrize("blind", ["seat", "server"])
def test_who_has_no_detector_counts_nobody_and_contradicts_nobody(blind: str) -> None:
    unseeing = replace(SEAT, faces=0, persons=0, similarity=None, likeness="", unavailable=("detect",))
    pair = (unseeing, SEAT) if blind == "seat" else (SEAT, unseeing)
    assert disagreement(*pair) == ""
    assert disagreement(pair[0], replace(pair[1], quality="covered")) == "quality"


def test_a_missing_model_for_faces_does_not_hide_a_wrong_count() -> None:
    assert disagreement(SEAT, replace(SEAT, persons=2, unavailable=("verify",))) == "persons"


@pytest.mark.parametrize("one", QUALITIES)
@pytest.mark.parametrize("other", QUALITIES)
def test_quality(one: str, other: str) -> None:
    contradicts = {one, other} in ({"good", "dark"}, {"good", "covered"})
    expected = "quality" if contradicts else ""
    assert disagreement(replace(SEAT, quality=one), replace(SEAT, quality=other)) == expected


@pytest.mark.parametrize("one", LIKENESSES)
@pytest.mark.parametrize("other", LIKENESSES)
def test_verdicts(one: str, other: str) -> None:
    unseen = other == "mismatch" and one not in {"match", "unsure", "mismatch"}
    expected = "likeness" if unseen or {one, other} == {"match", "mismatch"} else ""
    assert disagreement(replace(SEAT, likeness=one), replace(SEAT, likeness=other)) == expected


@pytest.mark.parametrize(
    ("seat", "server", "expected"),
    [
        (0.7, 0.7, ""),
        (0.7, 0.6001, ""),
        (0.7, 0.6, ""),
        (0.7, 0.8, ""),
        (0.7, 0.5999, "similarity"),
        (0.7, 0.8001, "similarity"),
        (0.05, -0.05, ""),
        (0.05, -0.0501, "similarity"),
        (None, 0.1, ""),
        (0.1, None, ""),
        (None, None, ""),
    ],
)
def test_figures(seat: float | None, server: float | None, expected: str) -> None:
    """The verdict is unsure on both sides: what is tested is the distance alone."""
    one = replace(SEAT, similarity=seat, likeness="unsure")
    other = replace(SEAT, similarity=server, likeness="unsure")
    assert disagreement(one, other) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"persons": 2, "quality": "dark", "likeness": "mismatch", "similarity": 0.0}, "persons"),
        ({"quality": "dark", "likeness": "mismatch", "similarity": 0.0}, "quality"),
        ({"likeness": "mismatch", "similarity": 0.0}, "likeness"),
        ({"similarity": 0.0, "likeness": "unsure"}, "similarity"),
    ],
)
def test_the_plainest_contradiction_is_named(change: dict[str, object], expected: str) -> None:
    assert disagreement(SEAT, replace(SEAT, **change)) == expected
