"""Reading the `watching` part of a policy: what seat cameras look for, and how long it must last.

Blocks and kinds that came later may be left out: a kind without an entry is off, a block has usual values.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

from exam_rooms.watching import (
    CAMERA_KINDS,
    PRESENCE_KINDS,
    SEVERITIES,
    AttentionRules,
    EpisodeRule,
    HintRules,
    PaceRules,
    WatchRules,
)
from itembank.blueprint_reading import Reader, parse
from itembank.problems import Problem

PATH = "watching"
TEXT_LIMIT = 40  # characters of a wrong value that are repeated
SAMPLE = ("0.2", "5")  # seconds; oftener than five times a second costs without telling more
VERIFY = ("0.2", "60")
SHARE = ("0", "1")
HOLD, CLEAR = ("0", "120"), ("0", "120")  # seconds; an alert that comes later than two minutes is none
COOL_DOWN = ("0", "600")
LOG = ("0", "300")
COSTLY = ("0.2", "60")
VOTES = ("1", "20")
ATTENTION: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "baseline_seconds": ("5", "300"),
        "yaw_away": ("5", "90"),
        "pitch_down": ("5", "90"),
        "down_seconds": ("0", "120"),
        "gaze_away": ("0.01", "0.5"),
        "mouth_moves": ("0.01", "1"),
        "mouth_count": ("1", "30"),
        "mouth_looks": ("2", "60"),
    }
)
HINTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("liveness_below", "object_sure", "object_likely"), SHARE),
        **dict.fromkeys(("liveness_votes", "liveness_of", "object_votes", "object_of"), VOTES),
    }
)
PACE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "calm_after": ("0", "600"),
        "calm_seconds": SAMPLE,
        "doubt_seconds": SAMPLE,
        "cpu_share": ("0.01", "0.5"),
        **dict.fromkeys(("gaze_seconds", "liveness_seconds", "objects_seconds"), COSTLY),
    }
)
Block = TypeVar("Block", AttentionRules, HintRules, PaceRules)
KEYS = (
    *("sample_seconds", "verify_seconds", "second_face_score", "second_face_share", "mismatch_frames"),
    *("mismatch_below", "match_from", "enrol_frames", "captures", "recheck_share", "frame_limit"),
    *("keep_days", "episodes", "attention", "hints", "pace", "log_seconds"),
)


def read_watching(read: Reader, data: object) -> WatchRules:
    """The rules of the `watching` mapping; faults are added to the reader with their paths."""
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return WatchRules()
    logs = fields.get("log_seconds") is not None
    rules = WatchRules(
        sample_seconds=number(read, fields, "sample_seconds", SAMPLE),
        verify_seconds=number(read, fields, "verify_seconds", VERIFY),
        second_face_score=number(read, fields, "second_face_score", SHARE),
        second_face_share=number(read, fields, "second_face_share", SHARE),
        mismatch_frames=read.whole(fields, "mismatch_frames", PATH, bounds=(1, 50)),
        mismatch_below=number(read, fields, "mismatch_below", SHARE),
        match_from=number(read, fields, "match_from", SHARE),
        enrol_frames=read.whole(fields, "enrol_frames", PATH, bounds=(1, 20)),
        captures=read.whole(fields, "captures", PATH, bounds=(0, 20)),
        recheck_share=number(read, fields, "recheck_share", SHARE),
        frame_limit=read.whole(fields, "frame_limit", PATH, bounds=(1, 1000)),
        keep_days=read.whole(fields, "keep_days", PATH, bounds=(1, 3650)),
        episodes=_episodes(read, fields.get("episodes")),
        attention=_block(read, fields, "attention", AttentionRules(), ATTENTION),
        hints=_block(read, fields, "hints", HintRules(), HINTS),
        pace=_block(read, fields, "pace", PaceRules(), PACE),
        log_seconds=number(read, fields, "log_seconds", LOG) if logs else 0.0,
    )
    _check_together(read, rules)
    return rules


def as_policy(rules: WatchRules) -> dict[str, Any]:
    """The inverse of `read_watching`: the mapping that a profile would say."""
    plain = asdict(rules)
    plain["episodes"] = {
        rule.kind: {name: value for name, value in asdict(rule).items() if name != "kind" and value != ""}
        for rule in rules.episodes
    }
    plain["pace"] = {name: value for name, value in plain["pace"].items() if value is not None}
    return plain


def changed(rules: WatchRules, text: str) -> WatchRules | list[Problem]:
    """Rules with what a YAML text says otherwise: a `watching` mapping, or what stands in one."""
    said = parse(text)
    if isinstance(said, Problem):
        return [said]
    if isinstance(said, Mapping) and set(said) == {PATH}:
        said = said[PATH]
    if not isinstance(said, Mapping):
        return [Problem("not_a_mapping", PATH)]
    reader = Reader()
    made = read_watching(reader, _over(parse(json.dumps(as_policy(rules))), said))
    return reader.problems or made


def _over(below: object, above: object) -> object:
    """`above` over `below`: mappings key by key, everything else is replaced."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}


def _block(
    read: Reader, given: Mapping[str, object], name: str, usual: Block, bounds: Mapping[str, tuple[str, str]]
) -> Block:
    """A part of the mapping that may be left out, in whole or by the key."""
    if given.get(name) is None:
        return usual
    path = f"{PATH}.{name}"
    inner = read.mapping(given[name], path, tuple(bounds))
    values: dict[str, Any] = asdict(usual)
    for field in fields(usual):
        if inner.get(field.name) is None:
            continue
        low, high = bounds[field.name]
        if field.type is int:
            values[field.name] = read.whole(inner, field.name, path, bounds=(int(low), int(high)))
        else:
            values[field.name] = number(read, inner, field.name, (low, high), path)
    return type(usual)(**values)


def _check_together(read: Reader, rules: WatchRules) -> None:
    """What is wrong only next to another number; not asked where one of the two is wrong by itself."""
    wrong = {problem.place for problem in read.problems}
    hints = rules.hints
    pairs: dict[str, tuple[str, float, float, float]] = {
        "verify_seconds": ("sample_seconds", rules.verify_seconds, rules.sample_seconds, float(VERIFY[1])),
        "match_from": ("mismatch_below", rules.match_from, rules.mismatch_below, float(SHARE[1])),
        "frame_limit": ("captures", rules.frame_limit, rules.captures, 1000),
        "hints.object_sure": ("hints.object_likely", hints.object_sure, hints.object_likely, 1),
        "hints.liveness_of": ("hints.liveness_votes", hints.liveness_of, hints.liveness_votes, 20),
        "hints.object_of": ("hints.object_votes", hints.object_of, hints.object_votes, 20),
    }
    for key, (other, value, least, most) in pairs.items():
        path = f"{PATH}.{key}"
        if value < least and not wrong & {path, f"{PATH}.{other}"}:
            read.add("number_out_of_range", path, value=f"{value:g}", low=f"{least:g}", high=f"{most:g}")


def _episodes(read: Reader, data: object) -> tuple[EpisodeRule, ...]:
    """The rules of the kinds that a seat's camera can raise: each once, none of the first seven forgotten."""
    path = f"{PATH}.episodes"
    given = read.mapping(data, path, tuple(str(kind) for kind in CAMERA_KINDS))
    if not isinstance(data, Mapping):
        return ()
    asked = [kind for kind in CAMERA_KINDS if kind in PRESENCE_KINDS or given.get(kind) is not None]
    return tuple(_episode(read, str(kind), given.get(kind)) for kind in asked)


def _episode(read: Reader, kind: str, data: object) -> EpisodeRule:
    path = f"{PATH}.episodes.{kind}"
    given = read.mapping(data, path, ("hold_seconds", "clear_seconds", "severity", "cool_down_seconds"))
    if not isinstance(data, Mapping):
        return EpisodeRule(kind, 0.0, 0.0)
    word = str(given.get("severity") or "")
    if word and word not in SEVERITIES:
        read.add("not_allowed", f"{path}.severity", value=word[:TEXT_LIMIT], allowed="、".join(SEVERITIES))
        word = ""
    cools = given.get("cool_down_seconds") is not None
    return EpisodeRule(
        kind,
        hold_seconds=number(read, given, "hold_seconds", HOLD, path),
        clear_seconds=number(read, given, "clear_seconds", CLEAR, path),
        severity=word,
        cool_down_seconds=number(read, given, "cool_down_seconds", COOL_DOWN, path) if cools else 0.0,
    )


def number(
    read: Reader, fields: Mapping[str, object], key: str, bounds: tuple[str, str], path: str = PATH
) -> float:
    """A number within inclusive bounds; a blueprint's decimals have to be above zero, these need not."""
    value, (low, high) = fields.get(key), bounds
    if value is None:
        read.add("missing_value", f"{path}.{key}")
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        read.add("not_a_number", f"{path}.{key}", value=str(value)[:TEXT_LIMIT])
    elif not Decimal(low) <= value <= Decimal(high):
        read.add("number_out_of_range", f"{path}.{key}", value=str(value), low=low, high=high)
    else:
        return float(value)
    return float(low)
