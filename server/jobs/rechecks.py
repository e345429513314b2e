"""The child's part of a re-check: random pictures of seats looked at again, by the rules of their level."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from exam_rooms.watching import ObservationNote, WatchRules
from exam_rooms.wire import decode, encode
from proctoring.faces import Vector
from proctoring.frames import Frame, FrameFault, decode_frame
from proctoring.observe import VERIFY, Eyes, one_core


def recheck_frames(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`looks`: [{capture, template, rules}], `frame-<capture>`: JPEG -> `notes`: {capture: note or None}.

    None stands for a picture that cannot be read. Without a model the note names what is unavailable.
    """
    one_core()
    eyes = Eyes()
    notes: dict[str, Any] = {}
    for done, look in enumerate(payload["looks"], 1):
        notes[str(look["capture"])] = _note(eyes, look, payload[f"frame-{look['capture']}"])
        report(done / len(payload["looks"]), str(done))
    return {"notes": notes}


def _note(eyes: Eyes, look: dict[str, Any], picture: bytes) -> dict[str, Any] | None:
    try:
        frame = decode_frame(picture)
    except FrameFault:
        return None
    return encode(_seen(eyes, frame, _vector(look["template"]), decode(WatchRules, look["rules"])))


def _seen(eyes: Eyes, frame: Frame, enrolled: Vector | None, rules: WatchRules) -> ObservationNote:
    try:
        return eyes.observe(frame, enrolled, rules).note()
    except ValueError:  # enrolled with another model than this machine has: faces cannot be compared here
        note = eyes.observe(frame, None, rules).note()
        return replace(note, unavailable=(*note.unavailable, VERIFY))


def _vector(template: str) -> Vector | None:
    if not template:
        return None
    return np.frombuffer(base64.b64decode(template), "<f4").astype(np.float32)
