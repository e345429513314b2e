"""The log of looks: packed tightly, back to the last digit, and bytes from elsewhere are refused."""

import json
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_rooms.look_log import MOST_BYTES, MOST_LOOKS, MOST_PACKED, LoggedLook, pack, unpack
from exam_rooms.watching import ObservationNote

SCORE = st.one_of(st.none(), st.floats(-180, 180).map(lambda value: round(value, 3)))
NOTES = st.builds(
    lambda persons, more, rest: ObservationNote(persons + more, persons, **rest),
    st.integers(0, 3),
    st.integers(0, 9),
    st.fixed_dictionaries(
        {
            "brightness": st.floats(0, 255).map(lambda value: round(value, 1)),
            "sharpness": st.floats(0, 9000).map(lambda value: round(value, 1)),
            "quality": st.sampled_from(["good", "dark", "blurred", "covered"]),
            "similarity": st.one_of(st.none(), st.floats(-1, 1).map(lambda value: round(value, 4))),
            "likeness": st.sampled_from(["", "match", "unsure"]),
            "models": st.sampled_from([{}, {"detect": "told 1"}]),
            "unavailable": st.sampled_from([(), ("verify",), ("detect", "liveness")]),
            **dict.fromkeys(("yaw", "pitch", "roll", "gaze", "eyes", "mouth", "liveness"), SCORE),
            "objects": st.sampled_from([None, {}, {"phone": 0.31}, {"book": 0.25, "person": 1.0}]),
        }
    ),
)


@st.composite
def batches(draw: st.DrawFn) -> list[LoggedLook]:
    at, looks = draw(st.integers(0, 2**53)), []
    for _ in range(draw(st.integers(0, 30))):
        at += draw(st.integers(0, 5000))
        seen = draw(st.one_of(st.none(), NOTES))
        looks.append(LoggedLook(at, seen, draw(st.booleans()), draw(st.sampled_from(["", "stalled"]))))
    return looks


@pytest.mark.dear
@given(batches())
@settings(max_examples=150)
def test_what_was_packed_comes_back_unchanged(looks: list[LoggedLook]) -> None:
    assert list(unpack(pack(looks))) == looks


def typical(count: int = 60) -> list[LoggedLook]:
    """A minute as a calm seat sees it: every number moves a little at every look."""
    chance, looks = random.Random(4), []
    for place in range(count):
        similar = round(chance.uniform(0.6, 0.8), 4) if place % 3 == 0 else None
        note = ObservationNote(
            faces=1,
            persons=1,
            brightness=round(chance.gauss(120, 3), 1),
            sharpness=round(chance.gauss(200, 20), 1),
            quality="good",
            similarity=similar,
            likeness="match" if similar else "",
            models={"detect": "centerface 1.5.0", "verify": "mobilefacenet 1.0.24"},
            yaw=round(chance.gauss(0, 5), 3),
            pitch=round(chance.gauss(-5, 5), 3),
            roll=round(chance.gauss(0, 2), 3),
            eyes=round(chance.gauss(0.3, 0.03), 3),
            mouth=round(chance.gauss(0.05, 0.01), 3),
            objects={} if place % 3 == 0 else None,
        )
        looks.append(LoggedLook(1_000_000 + 1000 * place + chance.randint(-9, 9), note))
    return looks


def test_a_minute_of_looks_is_small() -> None:
    assert len(pack(typical())) < 2500


def test_the_quickest_pace_for_five_minutes_fits() -> None:
    looks = typical(MOST_LOOKS)
    packed = pack(looks)
    assert len(packed) < MOST_PACKED and list(unpack(packed)) == looks


def packed(**changed: object) -> bytes:
    data = json.loads(zlib.decompress(pack(typical(3)))) | changed
    return zlib.compress(json.dumps(data).encode())


NOTE = json.loads(zlib.decompress(pack(typical(3))))["notes"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        pack(typical(3))[:-4],
        zlib.compress(b"[]"),
        zlib.compress(b"null"),
        zlib.compress(b"{"),
        zlib.compress(b"0" * (MOST_BYTES + 1)),
        bytes(MOST_PACKED + 1),
        packed(v=2),
        packed(at="soon"),
        packed(at=[1, 2, "3"]),
        packed(at=[1, -2, 3]),
        packed(at=[1, True, 3]),
        packed(at=[1] * (MOST_LOOKS + 1)),
        packed(at=[1]),
        packed(seen={"all": 1}),
        packed(repeated=[0, 0, 0]),
        packed(camera={"all": 3}),
        packed(camera={"all": "x" * 61}),
        packed(camera={}),
        packed(notes=[]),
        packed(notes=NOTE | {"yaw": [1.0]}),
        packed(notes=NOTE | {"yaw": {"all": "left"}}),
        packed(notes=NOTE | {"yaw": {"all": float("nan")}}),
        packed(notes=NOTE | {"objects": {"all": {"phone": float("inf")}}}),
        packed(notes=NOTE | {"persons": {"all": 7}}),
        packed(notes=NOTE | {"quality": {"all": "g" * 61}}),
        packed(notes={}),
        packed(at=[1, 1, 10**400]),
        packed(at=[-(10**18), 1, 1]),
        packed(notes=NOTE | {"faces": {"all": 10**400}, "persons": {"all": 10**400}}),
        packed(notes=NOTE | {"objects": {"all": {f"thing {place}": 0.1 for place in range(9000)}}}),
        packed(notes=NOTE | {"unavailable": {"all": ["detect"] * 9000}}),
        packed(notes=NOTE | {"models": {"all": {"detect": "x" * 90_000}}}),
        zlib.compress(b"[" * 500_000),
        zlib.compress(b'{"v":' * 100_000),
    ],
)
def test_anything_odd_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        unpack(data)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_random_bytes_and_flipped_ones_raise_nothing_but_value_errors(
    junk: bytes, place: int, flip: int
) -> None:
    damaged = bytearray(pack(typical(5)))
    damaged[place % len(damaged)] ^= flip
    for data in (junk, bytes(damaged), zlib.compress(junk)):
        try:
            unpack(data)
        except ValueError:
            continue
