"""The policy's part about breaches: what covers the paper, every fault with its path, and older batches."""

import json
from fnmatch import fnmatchcase

import pytest

from exam_rooms.incidents import BREACHES, LASTING_BREACHES
from server.rules import policy as rules
from server.rules.policy import LevelPolicy, Profile
from server.rules.policy_breaches import Action, BreachRule, BreachRules
from tests.server.rules.test_policy import POLICY, codes, national_with, shipped

RULES = POLICY.breaches
KINDS = [str(kind) for kind in BREACHES]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_national_policy_makes_of_each_kind(kind: str) -> None:
    covered = kind in ("FORBIDDEN_PROCESS", "SECOND_SCREEN")
    assert RULES.of(kind).action is (Action.FREEZE if covered else Action.NOTE)


def test_every_kind_stands_in_the_national_policy_once() -> None:
    assert sorted(rule.kind for rule in RULES.kinds) == sorted(KINDS)


def test_a_breach_reaches_people_within_three_seconds() -> None:
    """Grace, a look every half second and the way to the monitor."""
    assert RULES.grace == {"FOCUS_LOST": 1.0}
    assert all(seconds <= 1.5 for seconds in RULES.grace.values())
    assert set(RULES.grace) <= set(LASTING_BREACHES)


@pytest.mark.parametrize(
    "program",
    [
        *("anydesk", "teamviewer_service", "x11vnc", "tightvncserver", "gnome-remote-desktop-daemon", "obs"),
        *("wechat", "zoom"),
    ],
)
def test_programs_that_may_not_run(program: str) -> None:
    assert any(fnmatchcase(program, pattern) for pattern in RULES.forbidden_processes)


@pytest.mark.parametrize(
    "program",
    [
        *(
            "chromium",
            "openbox",
            "xorg",
            "python3",
            "python3.11",
            "systemd",
            "systemd-journald",
            "dbus-daemon",
        ),
        *("pulseaudio", "pipewire", "networkmanager", "sshd", "bash", "fcitx5", "ibus-daemon", "kworker/0:1"),
    ],
)
def test_what_a_workstation_needs_may_run(program: str) -> None:
    assert [one for one in RULES.forbidden_processes if fnmatchcase(program, one)] == []


def test_a_kind_without_a_rule_is_told_and_covers_nothing() -> None:
    assert BreachRules().of("USB_DEVICE") == BreachRule("USB_DEVICE", Action.NOTE, 0.0)


def test_the_rules_survive_the_frozen_copy() -> None:
    assert LevelPolicy.from_json(json.loads(json.dumps(POLICY.to_json()))).breaches == RULES


def test_a_batch_from_before_covers_nothing() -> None:
    old = {key: value for key, value in POLICY.to_json().items() if key != "breaches"}
    assert LevelPolicy.from_json(old).breaches == BreachRules()


def test_a_profile_may_say_nothing_of_breaches() -> None:
    profile = rules.load_profile(national_with("breaches", None))
    assert isinstance(profile, Profile)
    assert profile.terms.breaches == BreachRules()


def test_rehearsals_keep_to_the_same_rules() -> None:
    assert shipped("rehearsal").terms.breaches == shipped("national").terms.breaches


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("breaches.colour", "red", "unknown_key"),
        ("breaches.kinds.NO_FACE", {"action": "note"}, "unknown_key"),
        ("breaches.kinds.USB_DEVICE.action", "arrest", "not_allowed"),
        ("breaches.kinds.USB_DEVICE.action", None, "not_allowed"),
        ("breaches.kinds.FOCUS_LOST.grace_seconds", 61, "number_out_of_range"),
        ("breaches.kinds.FOCUS_LOST.grace_seconds", -1, "number_out_of_range"),
        ("breaches.kinds.FOCUS_LOST.grace_seconds", "soon", "not_a_number"),
        ("breaches.kinds.FOCUS_LOST.grace_seconds", True, "not_a_number"),
        ("breaches.forbidden_processes", ["*"], "pattern_too_wide"),
        ("breaches.forbidden_processes", ["obs", "??*"], "pattern_too_wide"),
        ("breaches.forbidden_processes", ["[!]*"], "pattern_too_wide"),
        ("breaches.forbidden_processes", ["x" * 61], "pattern_too_wide"),
        ("breaches.forbidden_processes", [f"p{n}" for n in range(201)], "number_out_of_range"),
    ],
)
def test_every_fault_is_named(path: str, value: object, code: str) -> None:
    found = rules.load_profile(national_with(path, value))
    assert isinstance(found, list)
    assert [each for each in codes(found) if each[0] == code and each[1].startswith("breaches.")], found


def test_patterns_are_lower_case() -> None:
    profile = rules.load_profile(national_with("breaches.forbidden_processes", ["AnyDesk*", " OBS "]))
    assert isinstance(profile, Profile)
    assert profile.terms.breaches.forbidden_processes == ("anydesk*", "obs")
