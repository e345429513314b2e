"""The policy's part about cameras: its numbers, every fault of it with its path, and batches from before it."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from exam_rooms.incidents import IncidentKind, Severity
from exam_rooms.watching import (
    CAMERA_KINDS,
    OPTIONAL_KINDS,
    PRESENCE_KINDS,
    AttentionRules,
    EpisodeRule,
    WatchRules,
)
from exam_rooms.wire import WireError
from itembank.blueprint_reading import Reader, parse
from server.rules import policy as rules
from server.rules.policy import LevelPolicy, Profile
from server.rules.policy_violations import incidents_of
from server.rules.policy_watching import as_policy, read_watching
from tests.server.rules.test_policy import NATIONAL, POLICY, TEXTS, codes, national_with, shipped

RULES = POLICY.watching
assert RULES is not None
EPISODES = {rule.kind: rule for rule in RULES.episodes}
OFF = (IncidentKind.GAZE_AWAY, IncidentKind.TALKING)
"""What the national policy does not ask for."""


def read(path: str, value: object) -> WatchRules:
    profile = rules.load_profile(national_with(path, value))
    assert isinstance(profile, Profile), profile
    assert profile.terms.watching is not None
    return profile.terms.watching


def said(watching: WatchRules, key: str) -> object:
    """The value at a path such as "episodes.DARK.hold_seconds" or "pace.cpu_share"."""
    *parents, last = key.split(".")
    if len(parents) < 2:
        return getattr(getattr(watching, parents[0]) if parents else watching, last)
    (rule,) = [rule for rule in watching.episodes if rule.kind == parents[1]]
    return getattr(rule, last)


def test_every_kind_a_camera_raises_has_its_times_once() -> None:
    kinds = [rule.kind for rule in RULES.episodes]
    assert kinds == [str(kind) for kind in CAMERA_KINDS if kind not in OFF]
    assert RULES.rule("GAZE_AWAY") is None and RULES.rule("DARK") == EPISODES["DARK"]


@pytest.mark.parametrize("kind", [str(kind) for kind in OPTIONAL_KINDS])
def test_a_kind_that_came_later_is_off_without_an_entry(kind: str) -> None:
    if kind in EPISODES:
        without = read(f"watching.episodes.{kind}", None)
        assert without.rule(kind) is None and len(without.episodes) == len(RULES.episodes) - 1
    asked = read(f"watching.episodes.{kind}", {"hold_seconds": 4, "clear_seconds": 2, "severity": "info"})
    assert asked.rule(kind) == EpisodeRule(kind, 4.0, 2.0, "info", 0.0)


def test_blocks_that_came_later_have_usual_values() -> None:
    for name in ("attention", "hints", "pace"):
        assert getattr(read(f"watching.{name}", None), name) == getattr(WatchRules(), name)
    assert read("watching.log_seconds", None).log_seconds == 0.0
    partly = read("watching.attention", {"yaw_away": 45})
    assert partly.attention == replace(AttentionRules(), yaw_away=45.0)


def test_a_batch_frozen_before_these_kinds_is_watched_as_it_was() -> None:
    stored = POLICY.to_json()
    for later in ("attention", "hints", "pace", "log_seconds"):
        del stored["watching"][later]
    stored["watching"]["episodes"] = [
        {key: each[key] for key in ("kind", "hold_seconds", "clear_seconds")}
        for each in stored["watching"]["episodes"]
        if each["kind"] in PRESENCE_KINDS
    ]
    back = LevelPolicy.from_json(json.loads(json.dumps(stored))).watching
    assert back is not None and [rule.kind for rule in back.episodes] == [
        str(kind) for kind in PRESENCE_KINDS
    ]
    assert (back.slowest, back.fastest, back.log_seconds) == (1.0, 1.0, 0.0)
    assert back.episodes[0].cool_down_seconds == 0.0


def test_what_the_rules_say_as_a_profile_reads_back_as_the_same_rules() -> None:
    reader = Reader()
    data = parse(json.dumps(as_policy(RULES)))
    assert (read_watching(reader, data), reader.problems) == (RULES, [])


def test_an_episode_is_as_urgent_as_its_policy_says() -> None:
    """The incidents part of the profile has the last word."""
    stored = POLICY.to_json()
    (dark,) = [each for each in stored["watching"]["episodes"] if each["kind"] == "DARK"]
    dark["severity"] = "alert"
    assert incidents_of(stored).severity_of("DARK", 1) == Severity.ALERT
    assert incidents_of(stored).severity_of("FROZEN", 1) == 1
    stored["incidents"]["severities"] = [{"kind": "DARK", "severity": 2}]
    assert incidents_of(stored).severity_of("DARK", 1) == Severity.WARNING
    assert incidents_of({}).severity_of("DARK", 3) == 3


def test_what_the_national_policy_asks_of_cameras() -> None:
    assert (RULES.sample_seconds, RULES.verify_seconds, RULES.mismatch_frames) == (1.0, 3.0, 5)
    assert (RULES.second_face_score, RULES.second_face_share, RULES.mismatch_below) == (0.7, 0.35, 0.35)
    assert RULES.match_from == 0.5
    assert (RULES.captures, RULES.recheck_share, RULES.enrol_frames) == (2, 0.5, 3)
    assert (RULES.frame_limit, RULES.keep_days) == (120, 180)


@pytest.mark.parametrize(("kind", "lasts"), [(IncidentKind.NO_FACE, 20.0), (IncidentKind.MULTI_FACE, 5.0)])
def test_what_must_be_told_is_told_in_time(kind: IncidentKind, lasts: float) -> None:
    """The first look at a calm seat may come late, and the picture that it looks at be half a second old."""
    assert EPISODES[kind].hold_seconds + RULES.slowest + 0.5 <= lasts


def test_a_rehearsal_watches_like_the_real_thing_but_for_what_composed_pictures_cannot_show() -> None:
    real, played = NATIONAL.terms.watching, shipped("rehearsal").terms.watching
    assert real is not None and played is not None
    assert replace(played, episodes=()) == replace(real, episodes=())
    shown = {rule.kind for rule in real.episodes} - {rule.kind for rule in played.episodes}
    assert shown == {"LIVENESS_DOUBT", "PHONE_HINT", "BOOK_HINT", "PERSON_HINT"}
    assert set(played.episodes) <= set(real.episodes)


def test_the_rules_come_back_from_a_frozen_policy() -> None:
    back = LevelPolicy.from_json(json.loads(json.dumps(POLICY.to_json())))
    assert back.watching == RULES
    assert isinstance(back.watching, WatchRules)
    assert isinstance(back.watching.episodes[0], EpisodeRule)


@pytest.mark.parametrize("absent", ["no key", "null"])
def test_a_batch_from_before_cameras_has_no_rules(absent: str) -> None:
    stored = POLICY.to_json()
    stored.pop("watching") if absent == "no key" else stored.update(watching=None)
    back = LevelPolicy.from_json(stored)
    assert back.watching is None
    assert back.scale == POLICY.scale
    assert LevelPolicy.from_json(back.to_json()) == back


def test_stored_rules_of_another_shape_are_refused() -> None:
    stored = POLICY.to_json()
    stored["watching"]["captures"] = "two"
    with pytest.raises(WireError, match="captures"):
        LevelPolicy.from_json(stored)


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("sample_seconds", "0.2", "3"),  # not above verify_seconds
        ("verify_seconds", "1", "60"),  # not below sample_seconds
        ("second_face_score", "0", "1"),
        ("second_face_share", "0", "1"),
        ("mismatch_below", "0", "0.5"),  # not above match_from
        ("match_from", "0.35", "1"),  # not below mismatch_below
        ("recheck_share", "0", "1"),
        ("episodes.DARK.hold_seconds", "0", "120"),
        ("episodes.DARK.clear_seconds", "0", "120"),
        ("episodes.PHONE_HINT.cool_down_seconds", "0", "600"),
        ("attention.yaw_away", "5", "90"),
        ("attention.down_seconds", "0", "120"),
        ("attention.gaze_away", "0.01", "0.5"),
        ("hints.liveness_below", "0", "1"),
        ("hints.object_likely", "0", "0.5"),  # not above object_sure
        ("hints.object_sure", "0.35", "1"),  # not below object_likely
        ("pace.calm_seconds", "0.2", "5"),
        ("pace.cpu_share", "0.01", "0.5"),
        ("pace.objects_seconds", "0.2", "60"),
        ("log_seconds", "0", "300"),
    ],
)
def test_bounds_of_numbers(key: str, low: str, high: str) -> None:
    path = f"watching.{key}"
    for good in (low, high):
        assert said(read(path, float(good)), key) == float(good)
    for bad in (Decimal(low) - Decimal("0.01"), Decimal(high) + Decimal("0.01")):
        problems = rules.load_profile(national_with(path, float(bad)))
        assert isinstance(problems, list), bad
        assert {problem.code for problem in problems} == {"number_out_of_range"}


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("mismatch_frames", 1, 50),
        ("enrol_frames", 1, 20),
        ("captures", 0, 20),
        ("frame_limit", 2, 1000),  # not below captures
        ("keep_days", 1, 3650),
    ],
)
def test_bounds_of_counts(key: str, low: int, high: int) -> None:
    path = f"watching.{key}"
    assert [getattr(read(path, good), key) for good in (low, high)] == [low, high]
    for bad in (low - 1, high + 1):
        problems = rules.load_profile(national_with(path, bad))
        assert isinstance(problems, list), bad
        assert codes(problems) == [("number_out_of_range", path)]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("watching", [], "not_a_mapping"),
        ("watching.colour", "red", "unknown_key"),
        ("watching.sample_seconds", None, "missing_value"),
        ("watching.sample_seconds", "often", "not_a_number"),
        ("watching.sample_seconds", True, "not_a_number"),
        ("watching.sample_seconds", float("nan"), "not_a_number"),
        ("watching.recheck_share", None, "missing_value"),
        ("watching.match_from", None, "missing_value"),
        ("watching.recheck_share", [0.5], "not_a_number"),
        ("watching.captures", 2.5, "not_a_whole_number"),
        ("watching.captures", None, "missing_value"),
        ("watching.keep_days", "for ever", "not_a_whole_number"),
        ("watching.episodes", None, "missing_value"),
        ("watching.episodes", ["NO_FACE"], "not_a_mapping"),
        ("watching.episodes.NO_FACE", None, "missing_value"),
        ("watching.episodes.NO_FACE", 8, "not_a_mapping"),
        ("watching.episodes.LINK_LOST", {"hold_seconds": 1, "clear_seconds": 1}, "unknown_key"),
        ("watching.episodes.DARK.hold_seconds", None, "missing_value"),
        ("watching.episodes.DARK.clear_seconds", "soon", "not_a_number"),
        ("watching.episodes.DARK.grace", 1, "unknown_key"),
        ("watching.episodes.DARK.severity", "dreadful", "not_allowed"),
        ("watching.attention", 30, "not_a_mapping"),
        ("watching.attention.nose", 30, "unknown_key"),
        ("watching.attention.mouth_looks", 2.5, "not_a_whole_number"),
        ("watching.hints.object_of", 2, "number_out_of_range"),  # fewer than object_votes
        ("watching.pace.cpu_share", "half", "not_a_number"),
        ("rooms.smart_max_seats", None, "missing_value"),
        ("rooms.smart_max_seats", 0, "number_out_of_range"),
    ],
)
def test_a_fault_is_told_once_with_its_path(path: str, value: object, code: str) -> None:
    problems = rules.load_profile(national_with(path, value))
    assert isinstance(problems, list)
    assert codes(problems) == [(code, path)]


@pytest.mark.parametrize("path", ["watching", "watching.episodes", "watching.episodes.FROZEN"])
def test_an_empty_part_is_not_taken_for_a_complete_one(path: str) -> None:
    problems = rules.load_profile(national_with(path, {}))
    assert isinstance(problems, list)
    assert problems and {code for code, _ in codes(problems)} == {"missing_value"}


def test_a_profile_without_the_part_is_refused() -> None:
    assert codes(rules.load_profile(national_with("watching", None))) == [("missing_value", "watching")]


@pytest.mark.parametrize("kind", [str(kind) for kind in CAMERA_KINDS if kind not in OFF])
def test_a_kind_said_twice_is_refused(kind: str) -> None:
    line = f"    {kind}: {{hold_seconds: 1, clear_seconds: 1}}\n"
    before, here, after = TEXTS["national"].partition("\nwatching:\n")
    text = before + here + after.replace("  episodes:\n", f"  episodes:\n{line}", 1)
    assert codes(rules.load_profile(text)) == [("profile_not_readable", "")]


def test_numbers_that_do_not_fit_each_other() -> None:
    slow = rules.load_profile(national_with("watching.sample_seconds", 4))
    assert codes(slow) == [("number_out_of_range", "watching.verify_seconds")]
    assert slow[0].params == {"value": "3", "low": "4", "high": "60"}
    many = rules.load_profile(national_with("watching.frame_limit", 1))
    assert codes(many) == [("number_out_of_range", "watching.frame_limit")]


def test_a_smart_room_may_hold_more_than_a_standard_one() -> None:
    assert (NATIONAL.rooms.standard_max_seats, NATIONAL.rooms.smart_max_seats) == (60, 99)
