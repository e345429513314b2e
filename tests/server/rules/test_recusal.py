"""Who stands back for whom, as a table; and the laws of the staff draw."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.recusal import Examinee, LinkKind, RecusalLink, conflicts, same_employer
from server.rules.staff_draw import Drawn, Opening, Willing, draw

LI = Examinee("index-li", "李明", "某保安公司")
WANG = Examinee("index-wang", "王芳", "")


@pytest.mark.parametrize(
    ("link", "held"),
    [
        (RecusalLink("kin", candidate="index-li"), ("李明",)),
        (RecusalLink("teacher", candidate="index-wang"), ("王芳",)),
        (RecusalLink("master", candidate="index-nobody"), ()),
        (RecusalLink("superior", employer="某保安公司"), ("李明",)),
        (RecusalLink("superior", employer="某 保安公司 "), ("李明",)),
        (RecusalLink("superior", employer="某保安"), ()),
        (RecusalLink("superior", employer=""), ()),  # nobody's employer is unknown to everybody
    ],
)
def test_a_link_holds_for_the_person_or_for_the_people_of_the_employer(
    link: RecusalLink, held: tuple[str, ...]
) -> None:
    assert tuple(each.candidate for each in conflicts([link], [LI, WANG])) == held


def test_two_links_to_one_candidate_are_told_once() -> None:
    links = [RecusalLink(LinkKind.KIN, candidate="index-li"), RecusalLink("superior", employer="某保安公司")]
    (one,) = conflicts(links, [LI])
    assert (one.kind, one.candidate) == ("kin", "李明")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("ＡＢ保安", "ab 保安", True), ("甲", "乙", False), ("", "", False), (" ", " ", False)],
)
def test_employers_are_compared_without_width_case_and_blanks(one: str, other: str, same: bool) -> None:
    assert same_employer(one, other) is same


# --- the draw -------------------------------------------------------------------------------------------

ROLES = ("chief", "invigilator")
ROOMS = (1, 2, 3)
PEOPLE = st.lists(
    st.builds(
        Willing,
        person=st.integers(1, 12),
        roles=st.frozensets(st.sampled_from(ROLES)),
        barred=st.frozensets(st.sampled_from(ROOMS), max_size=2),
        last=st.frozensets(st.sampled_from(ROOMS), max_size=1),
    ),
    max_size=9,
    unique_by=lambda one: one.person,
)
OPENINGS = st.lists(
    st.tuples(st.sampled_from(ROLES), st.lists(st.sampled_from(ROOMS), min_size=1, max_size=2, unique=True)),
    max_size=6,
).map(
    lambda wanted: [
        Opening(f"{place}", role, tuple(sorted(rooms))) for place, (role, rooms) in enumerate(wanted)
    ]
)


def most(openings: list[Opening], people: list[Willing]) -> int:
    """How many places can be filled at all, by trying everything."""
    if not openings:
        return 0
    first, rest = openings[0], openings[1:]
    best = most(rest, people)
    for one in people:
        if first.role in one.roles and set(first.rooms).isdisjoint(one.barred):
            best = max(best, 1 + most(rest, [other for other in people if other is not one]))
    return best


@pytest.mark.dear
@given(OPENINGS, PEOPLE, st.text(max_size=5), st.randoms())
def test_a_draw_is_lawful_fills_what_can_be_filled_and_replays(
    openings: list[Opening], people: list[Willing], seed: str, order: object
) -> None:
    drawn = draw(openings, people, seed)
    by_person, by_place = {one.person: one for one in people}, {each.place: each for each in openings}
    assert len(set(drawn.taken.values())) == len(drawn.taken)  # nobody twice
    for place, person in drawn.taken.items():
        one, opening = by_person[person], by_place[place]
        assert opening.role in one.roles and set(opening.rooms).isdisjoint(one.barred)
    assert set(drawn.taken) | set(drawn.empty) == set(by_place) and set(drawn.taken).isdisjoint(drawn.empty)
    assert len(drawn.taken) == most(openings, people)  # a shortage is a real one
    shuffled = list(people)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert draw(openings, shuffled, seed) == drawn


def test_other_seeds_draw_other_people() -> None:
    people = [Willing(number, frozenset({"invigilator"})) for number in range(40)]
    openings = [Opening(f"{place}", "invigilator", (1,)) for place in range(2)]
    drawn = {tuple(draw(openings, people, f"seed {number}").taken.values()) for number in range(20)}
    assert len(drawn) > 15


def test_people_of_a_candidates_employer_come_last() -> None:
    colleague, stranger = (
        Willing(1, frozenset({"chief"}), last=frozenset({7})),
        Willing(2, frozenset({"chief"})),
    )
    opening = Opening("chief", "chief", (7,))
    assert {draw([opening], [colleague, stranger], str(n)).taken["chief"] for n in range(10)} == {2}
    assert draw([opening], [colleague], "s") == Drawn({"chief": 1})


def test_a_draw_over_hundreds_of_places_with_few_people_ends() -> None:
    people = [Willing(number, frozenset({"invigilator"})) for number in range(120)]
    openings = [Opening(f"{place}", "invigilator", (place,)) for place in range(150)]
    drawn = draw(openings, people, "s")
    assert len(drawn.taken) == 120 and drawn.empty == tuple(str(place) for place in range(120, 150))
