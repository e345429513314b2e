"""Recorded cameras and eyes that see what they are told, for the tests of the seat's camera."""

import base64
import os
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from client.camera import Shot
from exam_rooms.incidents import IncidentKind
from exam_rooms.watch_messages import WatchPlan
from exam_rooms.watching import EpisodeRule, Likeness, WatchRules
from proctoring.faces import Vector
from proctoring.frames import Frame, fingerprint
from proctoring.models import card
from proctoring.observation import Attention, FoundFace, FoundObject, Identity, Observation
from proctoring.observe import NOTHING_MORE, PHOTO, Eyes, Looks, main_face
from proctoring.quality import Quality, Verdict
from proctoring.recording import Sitter, backdrop, cut_out, encode, record

FACES = Path(__file__).parents[2] / "server/samples/faces"
QUICK = WatchRules(
    sample_seconds=0.2,
    verify_seconds=0.2,
    mismatch_frames=3,
    episodes=tuple(
        EpisodeRule(kind, 0.6, 0.4)
        for kind in (
            IncidentKind.NO_FACE,
            IncidentKind.MULTI_FACE,
            IncidentKind.FACE_MISMATCH,
            IncidentKind.CAMERA_COVERED,
            IncidentKind.CAMERA_LOST,
        )
    ),
)
"""A policy in a hurry: what takes seconds in a room takes tenths here."""


@cache
def eyes() -> Eyes:
    """Real eyes, for one thread: the tests'."""
    return Eyes()


@cache
def photo(name: str) -> Frame:
    return np.asarray(cv2.imread(str(FACES / name)), np.uint8)


@cache
def scene(*names: str, seed: int = 1, count: int = 6) -> tuple[Frame, ...]:
    """Frames of 640 x 480 with these people before one wall; without names an empty chair's view."""
    sitters = []
    for place, name in enumerate(names):
        face = main_face(eyes().observe(photo(name), None, WatchRules(), sizes=PHOTO).faces)
        assert face is not None
        across = (place + 1) / (len(names) + 1)
        sitters.append(Sitter(cut_out(photo(name), face.box), across=across, size=0.8))
    return tuple(record(backdrop(7), sitters, seed, count))


def write_scene(folder: Path, frames: Sequence[Frame]) -> Path:
    """Frames as 000.jpg, 001.jpg, … in a new folder; returns the pattern."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        (folder / f"{number:03d}.jpg").write_bytes(encode(frame))
    return folder / "%03d.jpg"


def stage(link: Path, folder: Path) -> None:
    """Turns a link to a folder, at once, as rehearsals do while a camera plays."""
    new = link.with_name(f"{link.name}.new")
    new.symlink_to(folder)
    os.replace(new, link)


def template_of(*frames: Frame) -> str:
    """What a server would send of these frames' one person."""
    vectors = []
    for frame in frames:
        face = main_face(eyes().observe(frame, None, WatchRules()).faces)
        assert face is not None
        vectors.append(eyes().vector(frame, face))
    return vector_text(np.asarray(np.mean(vectors, axis=0), np.float32))


def vector_text(vector: Vector) -> str:
    unit = vector / np.linalg.norm(vector)
    return base64.b64encode(unit.astype("<f4").tobytes()).decode()


def any_template() -> str:
    return vector_text(np.ones(card("verify").dim, np.float32))


def plan(**changes: Any) -> WatchPlan:
    return WatchPlan(**({"rules": QUICK, "watch": True} | changes))


def disk_left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


class ToldEyes(Eyes):
    """Eyes that see as many persons as `persons` says, with a verdict and a similarity to order."""

    def __init__(self) -> None:
        self.persons = 1
        self.verdict = Verdict.GOOD
        self.similarity = 0.8
        self.comparable = True
        self.unavailable = ()
        self.models = {"detect": "told 1", "verify": "told 1"}
        self.dim = card("verify").dim
        self.fault: Exception | None = None
        self.looks = 0
        self.compares = 0
        self.asked: list[Looks] = []
        self.yaw = 0.0
        self.liveness: float | None = None
        self.objects: tuple[FoundObject, ...] | None = None
        self.probe: Vector | None = None

    def missing(self, look: Looks = NOTHING_MORE) -> tuple[str, ...]:
        return self.unavailable

    def observe(
        self, frame: Frame, enrolled: Vector | None, rules: WatchRules, **options: Any
    ) -> Observation:
        self.looks += 1
        look: Looks = options.get("look", NOTHING_MORE)
        self.asked.append(look)
        if self.fault is not None:
            raise self.fault
        identity = None
        comparable = self.comparable and self.persons == 1
        if options.get("compare", True) and enrolled is not None and comparable:
            self.compares += 1
            identity = Identity(self.similarity, Likeness.MATCH)
        faces = tuple(
            FoundFace((100.0 * n, 50.0, 80.0, 90.0), 0.9, ((0.0, 0.0),) * 5, main=n == 0)
            for n in range(self.persons)
        )
        height, width = frame.shape[:2]
        return Observation(
            width=width,
            height=height,
            quality=Quality(120.0, 200.0, self.verdict),
            faces=faces,
            persons=self.persons,
            comparable=comparable and self.verdict is Verdict.GOOD,
            identity=identity,
            fingerprint=fingerprint(frame),
            models=self.models,
            unavailable=self.unavailable,
            attention=Attention(self.yaw, 0.0, 0.0, 0.3, 0.05) if look.attention and self.persons else None,
            liveness=self.liveness if look.liveness else None,
            objects=self.objects if look.objects else None,
            probe=None if identity is None else self.probe,
        )


_GRAIN = np.random.default_rng(5)


def shot(number: int, boot: float) -> Shot:
    """A small noisy picture, different from every other."""
    return Shot(number, _GRAIN.integers(0, 255, (48, 64, 3), np.uint8), boot)
