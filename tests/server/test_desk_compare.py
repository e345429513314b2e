"""Faces at the desk: real portraits through the child's function, and the child as the server starts it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from exam_rooms.desk import Face
from exam_rooms.watching import WatchRules
from exam_rooms.wire import encode
from proctoring.frames import Frame, portrait
from proctoring.recording import encode as jpeg_of
from server.host import Host
from server.jobs.desk import compare_at_desk
from server.jobs.runner import Jobs
from tests.proctoring.nets_kit import put, spots
from tests.server.signin_kit import FACES, face, pixels

PHOTO = portrait((FACES / "obama.jpg").read_bytes())


def compared(picture: bytes, photo: bytes = PHOTO) -> dict[str, Any]:
    payload = {"photo": photo, "picture": picture, "rules": encode(WatchRules())}
    return compare_at_desk(payload, lambda *_: None)


def people(*names: str) -> bytes:
    """What the desk's camera gives of these people, side by side; without any a wall."""
    wall = np.random.default_rng(1).integers(90, 160, (360, 320, 3), np.uint8)
    shown = [of_height(pixels(name), 360) for name in names] or [wall]
    return jpeg_of(np.hstack(shown))


def of_height(frame: Frame, height: int) -> Frame:
    width = round(frame.shape[1] * height / frame.shape[0])
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.dear
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("obama2.jpg",), Face.MATCH),
        (("obama3.jpg",), Face.MATCH),
        (("biden.jpg",), Face.MISMATCH),
        (("astronaut.png",), Face.MISMATCH),
        ((), Face.NO_FACE),
        (("obama2.jpg", "biden.jpg"), Face.SEVERAL),
    ],
)
def test_real_faces_are_told_apart(names: tuple[str, ...], expected: Face) -> None:
    told = compared(people(*names))
    assert told["face"] == expected
    assert (told["similarity"] is not None) is (expected in (Face.MATCH, Face.MISMATCH))
    assert set(told["models"]) == {"detect", "verify"}


@pytest.mark.dear
def test_a_dark_picture_is_unclear_or_shows_nobody_but_never_agrees() -> None:
    frame = np.asarray(pixels("obama2.jpg") * 0.06, np.uint8)
    assert compared(jpeg_of(frame))["face"] in (Face.UNCLEAR, Face.NO_FACE)


@pytest.mark.dear
def test_what_cannot_be_read_or_holds_no_face_is_said_so() -> None:
    assert compared(b"\xff\xd8\xff\xe0 no picture at all")["face"] == Face.UNAVAILABLE
    assert compared(people("obama2.jpg"), photo=people())["face"] == Face.NO_PHOTO


@pytest.mark.dear
def test_the_child_of_the_server_answers_the_same(host: Host) -> None:
    picture = face("obama2.jpg", 480)
    payload = {"photo": PHOTO, "picture": picture, "rules": encode(WatchRules())}
    told = host.jobs.run("compare_at_desk", payload)
    assert told["face"] == Face.MATCH
    assert told == compared(picture) | {"similarity": pytest.approx(told["similarity"])}


@pytest.mark.dear
def test_the_child_of_the_server_looks_with_what_is_installed(host: Host, tmp_path: Path) -> None:
    installed = put(tmp_path / "models", spots())
    jobs = Jobs(host.db, replace(host.settings, models=installed), host.now)
    told = jobs.run("compare_at_desk", {"photo": PHOTO, "picture": PHOTO, "rules": encode(WatchRules())})
    assert told["models"]["detect"] == "spots 1"
