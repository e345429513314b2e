"""Bounds of what agents report of their cameras, before it is stored: pure checks of plain values.

The wire checks shapes; numbers that are no numbers, endless texts and lists stop here. All raise `Refused`
("message_malformed", 400) with the field's name.
"""

import base64
import math
import re
import struct
from collections.abc import Mapping
from typing import Any

from exam_rooms.watch_messages import FrameNote, Moment
from exam_rooms.watching import Likeness, ObservationNote
from exam_rooms.wire import encode
from server.errors import Refused

FRAME_MOST = 512 << 10
"""Bytes of the largest picture that is taken as evidence."""
_HASH = re.compile(r"[0-9a-f]{64}")
_EPISODE = re.compile(r"[0-9a-f]{8,32}")
_ENTRIES, _TEXT, _FACES = 16, 60, 1000
_NUMBERS = ("brightness", "sharpness", "yaw", "pitch", "roll", "gaze", "eyes", "mouth", "liveness")
_LEAST_DIMS, _MOST_DIMS = 16, 2048
_NORM_SLACK = 0.01


def malformed(message: str, field: str) -> Refused:
    """The refusal of a message for one of its fields."""
    return Refused("message_malformed", 400, message=message, fault=field)


def note_values(note: ObservationNote | None, message: str) -> dict[str, Any]:
    """A look as it is stored; empty for none."""
    if note is None:
        return {}
    cosine = note.similarity
    good = (
        0 <= note.persons <= note.faces <= _FACES
        and _are_numbers(note)
        and (cosine is None or _is_cosine(cosine))
        and max(len(note.quality), len(note.likeness)) <= _TEXT
        and len(note.unavailable) <= _ENTRIES
        and all(len(text) <= _TEXT for text in note.unavailable)
    )
    if not good:
        raise malformed(message, "note")
    return encode(note) | {"models": model_names(note.models, message)}


def _are_numbers(note: ObservationNote) -> bool:
    """Whether every number of a look is one, and the things in it are few and have short names."""
    objects = note.objects or {}
    values = [getattr(note, name) for name in _NUMBERS] + list(objects.values())
    few = len(objects) <= _ENTRIES and all(len(name) <= _TEXT for name in objects)
    return few and all(value is None or math.isfinite(value) for value in values)


def score_values(scores: Mapping[str, float], message: str) -> dict[str, float]:
    """Numbers behind a decision, by name."""
    good = len(scores) <= _ENTRIES and all(
        len(name) <= _TEXT and math.isfinite(value) for name, value in scores.items()
    )
    if not good:
        raise malformed(message, "scores")
    return dict(scores)


def model_names(models: Mapping[str, str], message: str) -> dict[str, str]:
    """Models that looked: purpose -> name and version."""
    good = len(models) <= _ENTRIES and all(
        len(purpose) <= _TEXT and len(name) <= _TEXT for purpose, name in models.items()
    )
    if not good:
        raise malformed(message, "models")
    return dict(models)


def episode_name(text: str, message: str) -> str:
    """An agent's name of an episode: 8 to 32 hex digits."""
    if not _EPISODE.fullmatch(text):
        raise malformed(message, "episode")
    return text


def cosine_or_none(value: float | None, message: str, field: str) -> float | None:
    """A similarity, or None for one that was not computed."""
    if value is not None and not _is_cosine(value):
        raise malformed(message, field)
    return value


def likeness_word(text: str, message: str) -> Likeness:
    """One of the words of a comparison."""
    if text not in set(Likeness):
        raise malformed(message, "likeness")
    return Likeness(text)


def template_bytes(text: str, message: str, field: str = "template") -> bytes:
    """A face vector: base64 of little-endian float32, finite, of norm 1 within a hundredth."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as fault:
        raise malformed(message, field) from fault
    count, rest = divmod(len(data), 4)
    if rest or not _LEAST_DIMS <= count <= _MOST_DIMS:
        raise malformed(message, field)
    norm = math.sqrt(math.fsum(value * value for value in struct.unpack(f"<{count}f", data)))
    if not abs(norm - 1) <= _NORM_SLACK:  # "not <=" also refuses what is no number
        raise malformed(message, field)
    return data


def announced_frame(frame: FrameNote) -> FrameNote:
    """A picture to come whose hash, size and moment can be true."""
    good = (
        _HASH.fullmatch(frame.sha256)
        and 0 < frame.size <= FRAME_MOST
        and frame.moment in {"", *map(str, Moment)}
    )
    if not good:
        raise malformed("FrameNote", frame.sha256[:8])
    return frame


def _is_cosine(value: float) -> bool:
    return -1.0 - 1e-6 <= value <= 1.0 + 1e-6
