"""The child's part of a re-check: random pictures of seats looked at again, by the rules of their level."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from exam_rooms.watching import WatchRules
from exam_rooms.wire import decode, encode
from proctoring.faces import Vector
from proctoring.frames import FrameFault, decode_frame
from proctoring.models import places
from proctoring.nets import VERIFY
from proctoring.observe import Eyes, one_core


def recheck_frames(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`looks`: [{capture, template, model, rules}], `frame-<capture>`: JPEG -> `notes`, by capture.

    None stands for a picture that cannot be read. Without a model, or with a template that another one made
    than looks here, the note names what is unavailable.
    """
    one_core()
    eyes = Eyes(places(payload.get("models")))
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
    enrolled, rules = _vector(look["template"]), decode(WatchRules, look["rules"])
    if enrolled is not None and not _is_made_here(eyes, enrolled, look.get("model", "")):
        note = eyes.observe(frame, None, rules).note()
        return encode(replace(note, unavailable=tuple(dict.fromkeys((*note.unavailable, VERIFY)))))
    return encode(eyes.observe(frame, enrolled, rules).note())


def _is_made_here(eyes: Eyes, enrolled: Vector, model: str) -> bool:
    """Whether a vector is one of the network that looks here: others of the same length say nothing."""
    return enrolled.size == eyes.dim and model in {"", eyes.models.get(VERIFY, "")}


def _vector(template: str) -> Vector | None:
    if not template:
        return None
    return np.frombuffer(base64.b64decode(template), "<f4").astype(np.float32)
