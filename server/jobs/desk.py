"""The child's part of a sign-in at the desk: one live picture held against one registration photo."""

from collections.abc import Callable
from typing import Any

from exam_rooms.desk import Face
from exam_rooms.watching import WatchRules
from exam_rooms.wire import decode
from proctoring.faces import Vector
from proctoring.frames import Frame, FrameFault
from proctoring.frames import decode as decode_picture
from proctoring.models import places
from proctoring.observe import PHOTO, Eyes, main_face, one_core


def compare_at_desk(payload: dict[str, Any], _report: Callable[..., None]) -> dict[str, Any]:
    """`photo`, `picture` (JPEG bytes), `rules` -> `face` (a `Face`), `similarity` or None, `models`.

    Whoever stands further back does not count (`WatchRules.second_face_share`).
    """
    one_core()
    eyes = Eyes(places(payload.get("models")))
    rules = decode(WatchRules, payload["rules"])
    try:
        photo, picture = decode_picture(payload["photo"]), decode_picture(payload["picture"])
    except FrameFault:
        return _told(eyes, Face.UNAVAILABLE)
    if eyes.unavailable:
        return _told(eyes, Face.UNAVAILABLE)
    registered = _registered(eyes, photo, rules)
    if registered is None:
        return _told(eyes, Face.NO_PHOTO)
    seen = eyes.observe(picture, registered, rules)
    if seen.persons == 0:
        return _told(eyes, Face.NO_FACE)
    if seen.persons > 1:
        return _told(eyes, Face.SEVERAL)
    if seen.identity is None:
        return _told(eyes, Face.UNCLEAR)
    return _told(eyes, Face(str(seen.identity.likeness)), seen.identity.similarity)


def _registered(eyes: Eyes, photo: Frame, rules: WatchRules) -> Vector | None:
    main = main_face(eyes.observe(photo, None, rules, sizes=PHOTO, compare=False).faces)
    return None if main is None else eyes.vector(photo, main)


def _told(eyes: Eyes, face: Face, similarity: float | None = None) -> dict[str, Any]:
    return {"face": str(face), "similarity": similarity, "models": dict(eyes.models)}
