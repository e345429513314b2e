"""The drawn order, stations taken in turn, and codes that tell nothing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.assessment_order import CODE_SIGNS, SIGNS, blind_codes, drawn_order

refs = st.lists(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12), unique=True)


def right_code(code: str) -> bool:
    """Whether the weighted sum of a code's signs, the last with the weight 1, is a multiple of their number."""
    weighted = enumerate(reversed(code), 1)
    return len(code) == CODE_SIGNS + 1 and sum(n * SIGNS.index(sign) for n, sign in weighted) % 23 == 0


def keyed(text: str) -> str:
    return hashlib.blake2b(text.encode(), key=b"a store's key", digest_size=16).hexdigest()


@pytest.mark.dear
@given(refs, st.integers(0, 7), st.text(max_size=10), st.randoms())
def test_the_order_depends_on_the_seed_and_not_on_how_candidates_are_listed(refs, stations, seed, random):
    first = drawn_order(refs, stations, seed)
    shuffled = list(refs)
    random.shuffle(shuffled)
    assert drawn_order(shuffled, stations, seed) == first
    assert [place.number for place in first] == list(range(1, len(refs) + 1))
    assert {place.ref for place in first} == set(refs)


@given(refs, st.integers(1, 7), st.text(max_size=10))
def test_no_station_serves_two_candidates_more_than_another(refs, stations, seed):
    used = [place.station for place in drawn_order(refs, stations, seed)]
    counts = [used.count(station) for station in range(stations)]
    assert max(counts) - min(counts) <= 1


def test_without_stations_everybody_comes_to_one_place():
    assert {place.station for place in drawn_order("abc", 0, "s")} == {None}


@given(refs)
def test_codes_are_different_and_right(refs):
    codes = blind_codes(refs, keyed)
    assert len(set(codes.values())) == len(refs)
    assert all(right_code(code) and len(code) == CODE_SIGNS + 1 for code in codes.values())


def test_a_code_that_was_taken_is_not_given_again():
    (first,) = blind_codes(["ticket"], keyed).values()
    (other,) = blind_codes(["ticket"], keyed, taken=[first]).values()
    assert other != first


def test_another_key_gives_other_codes():
    ours = blind_codes(["a", "b", "c"], keyed)
    theirs = blind_codes(["a", "b", "c"], lambda text: hashlib.sha256(text.encode()).hexdigest())
    assert not set(ours.values()) & set(theirs.values())


def test_no_sign_is_taken_for_another():
    assert len(SIGNS) == len(set(SIGNS)) == 23
    assert not set(SIGNS) & set("0OQ1IB8S5Z2G6")


@pytest.mark.parametrize("code", list(blind_codes([str(n) for n in range(20)], keyed).values()))
def test_every_single_slip_and_every_two_neighbours_changed_over_are_found(code):
    for place, sign in enumerate(code):
        wrong = [code[:place] + other + code[place + 1 :] for other in SIGNS if other != sign]
        assert not any(map(right_code, wrong))
    for place in range(len(code) - 1):
        one, two = code[place], code[place + 1]
        if one != two:
            assert not right_code(code[:place] + two + one + code[place + 2 :])
