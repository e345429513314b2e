"""Reading the `watching` part of a policy: what seat cameras look for, and how long it must last."""

from collections.abc import Mapping
from decimal import Decimal

from exam_rooms.watching import CAMERA_KINDS, EpisodeRule, WatchRules
from itembank.blueprint_reading import Reader

PATH = "watching"
TEXT_LIMIT = 40  # characters of a wrong value that are repeated
SAMPLE = ("0.2", "5")  # seconds; oftener than five times a second costs without telling more
VERIFY = ("0.2", "60")
SHARE = ("0", "1")
HOLD, CLEAR = ("0", "120"), ("0", "120")  # seconds; an alert that comes later than two minutes is none
KEYS = (
    *("sample_seconds", "verify_seconds", "second_face_score", "second_face_share", "mismatch_frames"),
    *("mismatch_below", "match_from", "enrol_frames", "captures", "recheck_share", "frame_limit"),
    *("keep_days", "episodes"),
)


def read_watching(read: Reader, data: object) -> WatchRules:
    """The rules of the `watching` mapping; faults are added to the reader with their paths."""
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return WatchRules()
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
    )
    _check_together(read, rules)
    return rules


def _check_together(read: Reader, rules: WatchRules) -> None:
    """What is wrong only next to another number; not asked where one of the two is wrong by itself."""
    wrong = {problem.place for problem in read.problems}
    pairs = {
        "verify_seconds": ("sample_seconds", rules.verify_seconds, rules.sample_seconds, VERIFY[1]),
        "match_from": ("mismatch_below", rules.match_from, rules.mismatch_below, SHARE[1]),
        "frame_limit": ("captures", rules.frame_limit, rules.captures, "1000"),
    }
    for key, (other, value, least, most) in pairs.items():
        path = f"{PATH}.{key}"
        if value < least and not wrong & {path, f"{PATH}.{other}"}:
            read.add("number_out_of_range", path, value=f"{value:g}", low=f"{least:g}", high=most)


def _episodes(read: Reader, data: object) -> tuple[EpisodeRule, ...]:
    """A rule for every kind that a seat's camera can raise: each once, none forgotten."""
    path = f"{PATH}.episodes"
    fields = read.mapping(data, path, tuple(str(kind) for kind in CAMERA_KINDS))
    if not isinstance(data, Mapping):
        return ()
    return tuple(_episode(read, str(kind), fields.get(kind)) for kind in CAMERA_KINDS)


def _episode(read: Reader, kind: str, data: object) -> EpisodeRule:
    path = f"{PATH}.episodes.{kind}"
    fields = read.mapping(data, path, ("hold_seconds", "clear_seconds"))
    if not isinstance(data, Mapping):
        return EpisodeRule(kind, 0.0, 0.0)
    return EpisodeRule(
        kind,
        hold_seconds=number(read, fields, "hold_seconds", HOLD, path),
        clear_seconds=number(read, fields, "clear_seconds", CLEAR, path),
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
