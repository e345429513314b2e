"""The procedure of a case as a table: no path skips a step, and the articles and terms of the policy."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.catalogue import CATALOGUE, ONLY_LOGGED, Raiser, articles_after
from exam_rooms.incidents import LEAVES, SEEN_BY_PEOPLE, IncidentKind, Severity
from itembank.problems import Problem
from server.rules import policy as rules
from server.rules.policy import LevelPolicy
from server.rules.policy_violations import Article, IncidentRules, ViolationRules
from server.rules.violations import (
    MOVES,
    OVER,
    STEPS,
    CaseAct,
    CaseState,
    IllegalStep,
    is_registered,
    offered,
    registered_until,
    step,
    term_ends,
)
from tests.server.rules.test_policy import POLICY, codes, national_with

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
RULES = POLICY.violations
SHANGHAI = ZoneInfo("Asia/Shanghai")
IN_ORDER = [state for state, _acts in STEPS]


@given(st.lists(st.sampled_from(CaseAct), max_size=60))
def test_no_path_skips_a_step(wanted: list[CaseAct]) -> None:
    state, done = CaseState.OPENED, []
    for act in wanted:
        try:
            state = step(state, act)
        except IllegalStep:
            continue
        done.append(act)
        if state in IN_ORDER:
            reached = IN_ORDER.index(state) + 1
            firsts = [min(done.index(act) for act in acts if act in done) for _state, acts in STEPS[:reached]]
            assert firsts == sorted(firsts)
    if CaseAct.DECIDE in done:
        before = done[: done.index(CaseAct.DECIDE)]
        assert all(any(act in before for act in acts) for _state, acts in STEPS[:-2])


@given(st.lists(st.integers(0, 16), max_size=40))
def test_every_walk_ends_or_can_go_on_and_only_facts_and_statements_are_given_twice(picks: list[int]) -> None:
    state, done = CaseState.OPENED, []
    for pick in picks:
        open_acts = sorted(MOVES[state])
        if not open_acts:
            assert state in OVER
            break
        act = open_acts[pick % len(open_acts)]
        assert act in (CaseAct.STATE, CaseAct.HEAR) or act not in done
        state = step(state, act)
        done.append(act)


def test_the_table_names_every_state_and_uses_every_act() -> None:
    assert set(MOVES) == set(CaseState)
    assert {act for acts in MOVES.values() for act in acts} == set(CaseAct)


@pytest.mark.parametrize("state", CaseState)
def test_a_case_is_given_up_only_before_the_decision(state: CaseState) -> None:
    gives_up = {CaseAct.WITHDRAW, CaseAct.DROP} & set(MOVES[state])
    order = list(CaseState)
    assert len(gives_up) == (2 if order.index(state) < order.index(CaseState.DECIDED) else 0)


def test_only_a_recheck_and_nothing_else_takes_a_decision_back() -> None:
    assert [state for state, acts in MOVES.items() if CaseAct.OVERTURN in acts] == [CaseState.RECHECK]


@pytest.mark.parametrize(
    ("warned", "has_6_1"),
    [([], False), ([0], False), ([1], False), ([-1], True), ([-1, 5], True), ([5], False)],
)
def test_an_article_after_warning_asks_for_a_warning_before_the_facts(
    warned: list[int], has_6_1: bool
) -> None:
    given_at = [NOON + timedelta(seconds=seconds) for seconds in warned]
    numbers = [a.number for a in offered(RULES, ("6-1", "7-5"), given_at, NOON)]
    assert ("6-1" in numbers) is has_6_1
    assert "7-5" in numbers


def test_where_nothing_fits_the_whole_list_of_the_institution_is_offered() -> None:
    other = ViolationRules("b", 3, 3, (Article("1", "甲", "subject"), Article("2", "乙", "all", True)))
    assert [a.number for a in offered(other, ("6-1",), [], NOON)] == ["1"]
    assert [a.number for a in offered(RULES, (), [NOON - timedelta(hours=1)], NOON)] == [
        article.number for article in RULES.articles
    ]


@pytest.mark.parametrize(
    ("since", "days", "ends"),
    [
        # told at 12:00 in Shanghai on the 21st: the last of five days is the 26th
        (NOON, 5, datetime(2026, 11, 26, 16, 0, tzinfo=UTC)),
        # told at 23:59 there: the same five days; one minute later it is the next day
        (datetime(2026, 11, 21, 15, 59, tzinfo=UTC), 5, datetime(2026, 11, 26, 16, 0, tzinfo=UTC)),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), 5, datetime(2026, 11, 27, 16, 0, tzinfo=UTC)),
        (datetime(2026, 12, 31, 4, 0, tzinfo=UTC), 1, datetime(2027, 1, 1, 16, 0, tzinfo=UTC)),
    ],
)
def test_a_term_ends_with_its_last_day_there(since: datetime, days: int, ends: datetime) -> None:
    assert term_ends(since, days, SHANGHAI) == ends


def test_how_long_a_decision_stands_against_a_person() -> None:
    article = RULES.article
    assert not is_registered(article("6-1"))
    assert registered_until(article("7-1"), NOON) == NOON.replace(year=2031)
    assert registered_until(article("8-2"), NOON) is None
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    assert registered_until(article("7-1"), leap) == datetime(2033, 3, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="6-1"):
        registered_until(article("6-1"), NOON)


def test_the_national_articles_follow_the_pattern() -> None:
    needing = {a.number for a in RULES.articles if a.needs_warning}
    assert needing == {"6-1", "6-2", "6-4", "6-9"}
    for article in RULES.articles:
        everything = article.number.startswith(("7-", "8-", "10-"))
        assert (article.scope == "all") is everything
        assert article.permanent is article.number.startswith("8-")
        assert article.outcomes[0] == "none"
        assert article.outcomes[-1] == article.scope
    named = {number for entry in CATALOGUE.values() for number in entry.articles}
    assert named <= {article.number for article in RULES.articles}


def test_the_catalogue_knows_every_kind_and_who_raises_it() -> None:
    assert set(CATALOGUE) == set(IncidentKind)
    staff = {kind for kind, entry in CATALOGUE.items() if entry.raiser is Raiser.STAFF}
    assert staff == set(SEEN_BY_PEOPLE)
    assert LEAVES | {IncidentKind.ITEM_QUERY, IncidentKind.SEAT_CHANGE} == ONLY_LOGGED
    assert articles_after((IncidentKind.LINK_LOST, IncidentKind.LEAVE_ALLOWED)) == ()
    assert articles_after((IncidentKind.PHONE, IncidentKind.NOTES)) == ("6-1", "7-5", "7-1")


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ("violations.statement_days", 0, "number_out_of_range"),
        ("violations.recheck_days", "no", "not_a_whole_number"),
        ("violations.basis", None, "missing_value"),
        ("violations.articles.0.number", "6_1", "bad_code"),
        ("violations.articles.10.scope", "some", "not_allowed"),
        ("violations.articles.10.record_years", -1, "number_out_of_range"),
        ("violations.articles.0.needs_warning", 1, "not_yes_or_no"),
        ("incidents.severities.PHONE", "loud", "not_allowed"),
        ("incidents.severities.NOISE", "info", "unknown_key"),
        ("incidents.photos_most", 21, "number_out_of_range"),
    ],
)
def test_each_fault_of_the_policy_has_its_path(place: str, value: object, code: str) -> None:
    path = re.sub(r"\.(\d+)", r"[\1]", place)
    assert (code, path) in codes(found(national_with(place, value)))


def test_an_article_stands_in_the_list_once() -> None:
    faults = found(national_with("violations.articles.1.number", "6-1"))
    assert codes(faults) == [("article_twice", "violations.articles")]


def test_a_profile_may_bring_its_own_list() -> None:
    own = [{"number": "A-1", "text": "甲", "scope": "none"}]
    profile = rules.load_profile(national_with("violations.articles", own))
    assert isinstance(profile, rules.Profile)
    assert profile.terms.violations.articles == (Article("A-1", "甲", "none"),)


def found(text: str) -> list[Problem]:
    problems = rules.load_profile(text)
    assert isinstance(problems, list)
    return problems


def test_the_frozen_copy_says_the_same_and_an_older_one_says_nothing() -> None:
    frozen = POLICY.to_json()
    assert LevelPolicy.from_json(frozen) == POLICY
    older = {name: value for name, value in frozen.items() if name not in ("incidents", "violations")}
    assert LevelPolicy.from_json(older).violations == ViolationRules()
    assert LevelPolicy.from_json(older).incidents == IncidentRules()


def test_a_policy_may_make_a_kind_more_or_less_urgent() -> None:
    rules = POLICY.incidents
    assert rules.severity_of("DARK", Severity.WARNING) == Severity.WARNING
