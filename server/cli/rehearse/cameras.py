"""Recorded cameras: for each seat a folder of pictures that its agent plays as a camera.

The agent's source is `SEAT/now/%03d.jpg`, and `now` is a link to one scene: exchanging it while the agent
runs stages an empty chair, a second person, a stranger or a hand on the lens.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import WatchRules
from proctoring import recording
from proctoring.frames import Frame, decode
from proctoring.observe import Eyes, Sizes
from proctoring.recording import Cutout, Sitter
from server.cli.rehearse.fleet import FleetFault
from server.cli.words import _

FRAMES = 12
"""Different pictures of a scene; an agent plays two a second, over and over."""
PATTERN = "%03d.jpg"
NOW = "now"
LEAST_PEOPLE = 2
"""A stranger has to be somebody else."""
PICTURES = frozenset({".jpg", ".jpeg", ".png"})


class Scene(StrEnum):
    """What a recorded camera shows; all but the first are staged."""

    NORMAL = "normal"
    EMPTY = "empty"
    TWO = "two"
    STRANGER = "stranger"
    COVERED = "covered"


RAISES = {
    Scene.EMPTY: IncidentKind.NO_FACE,
    Scene.TWO: IncidentKind.MULTI_FACE,
    Scene.STRANGER: IncidentKind.FACE_MISMATCH,
    Scene.COVERED: IncidentKind.CAMERA_COVERED,
}
"""The one incident that a staged scene has to raise."""


@dataclass(frozen=True, slots=True)
class Face:
    """One photo of a person: as a registration photo (JPEG), and cut out to sit before a camera."""

    photo: bytes
    cutout: Cutout


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the sample photos, with one photo at least."""

    name: str
    faces: tuple[Face, ...]


@dataclass(frozen=True, slots=True)
class Sitting:
    """Who sits before one camera, with which photo, and who may come beside."""

    here: Face
    registered: Face
    stranger: Face


def known_people(folder: Traversable | None = None) -> tuple[Person, ...]:
    """The people of the sample photos that set-up has fetched, by name.

    Photos of one person are called alike but for a number at the end. Raises `FleetFault` when the photos
    or the model that finds faces are missing.
    """
    place = folder or files("server") / "samples" / "faces"
    eyes = Eyes()
    found: dict[str, list[Face]] = {}
    if "detect" not in eyes.unavailable and place.is_dir():
        for file in sorted(place.iterdir(), key=lambda file: file.name):
            stem, dot, ending = file.name.rpartition(".")
            if dot + ending.lower() in PICTURES:
                found.setdefault(stem.rstrip("0123456789"), []).extend(
                    face_of(eyes, decode(file.read_bytes()))
                )
    people = tuple(Person(name, tuple(faces)) for name, faces in found.items() if faces)
    if len(people) < LEAST_PEOPLE:
        raise FleetFault(_("缺少样例人脸照片或人脸模型，不能录制摄像头画面。请先运行 make setup。"))
    return people


def face_of(eyes: Eyes, photo: Frame, least: float = 0.0) -> list[Face]:
    """The face of a photo with one person on it, at least so many pixels high; nothing for other photos."""
    seen = eyes.observe(photo, None, WatchRules(), sizes=Sizes(640, 0), compare=False)
    boxes = [face.box for face in seen.faces if face.main]
    if seen.persons != 1 or not boxes or boxes[0][3] < least:
        return []
    portrait = recording.encode(recording.id_photo(photo, boxes[0]))
    return [Face(portrait, recording.cut_out(photo, boxes[0]))]


class Cameras:
    """The recorded cameras of a room, by seat number."""

    def __init__(self, folder: Path, people: Sequence[Person], seed: str) -> None:
        self._folder = folder
        self._people = people
        self._seed = seed
        self._sittings: dict[str, Sitting] = {}
        self._names: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._sittings)

    def __contains__(self, seat: str) -> bool:
        return seat in self._sittings

    def add(self, seat: str, camera: str) -> None:
        """Records the usual scene of a seat; `camera` is what the room's plan calls its camera."""
        self._names[seat] = camera
        self._sittings[seat] = self._cast(len(self._sittings))
        self.record(seat, Scene.NORMAL)
        self.show(seat, Scene.NORMAL)

    def record(self, seat: str, scene: Scene) -> None:
        """Writes the pictures of a scene, so that it can be shown."""
        place = self._place(seat) / scene
        place.mkdir(parents=True)
        for number, frame in enumerate(self._frames(seat, scene)):
            (place / (PATTERN % number)).write_bytes(recording.encode(frame))

    def show(self, seat: str, scene: Scene) -> None:
        """The camera shows a recorded scene from now on; its agent sees the one or the other, never none."""
        place = self._place(seat)
        fresh = place / "next"
        fresh.symlink_to(scene)
        os.replace(fresh, place / NOW)

    def arguments(self, seat: str) -> tuple[str, ...]:
        """What the seat's agent is started with; nothing for a seat without a camera."""
        if seat not in self._sittings:
            return ()
        source = self._place(seat) / NOW / PATTERN
        return ("--camera", str(source), "--camera-id", self._names[seat])

    def registered(self, seat: str) -> bytes:
        """The registration photo of whoever sits there (JPEG): another one than the camera's, if there is."""
        return self._sittings[seat].registered.photo

    def _place(self, seat: str) -> Path:
        return self._folder / f"seat-{seat}"

    def _cast(self, number: int) -> Sitting:
        """People in turn, their photos in turn; seats may share a face, a stranger is somebody else."""
        first = _number(self._seed, "cast") % len(self._people)
        person, other = (self._people[(first + number + step) % len(self._people)] for step in (0, 1))
        turn, faces = number // len(self._people), person.faces
        here, registered = faces[turn % len(faces)], faces[(turn + 1) % len(faces)]
        return Sitting(here, registered, other.faces[turn % len(other.faces)])

    def _frames(self, seat: str, scene: Scene) -> list[Frame]:
        sitting, seed = self._sittings[seat], _number(self._seed, seat, scene)
        if scene is Scene.COVERED:
            return recording.record_covered(seed, FRAMES)
        me, other = sitting.here.cutout, sitting.stranger.cutout
        sitters = {
            Scene.NORMAL: (Sitter(me),),
            Scene.EMPTY: (),
            Scene.TWO: (Sitter(other, across=0.78, size=0.8), Sitter(me, across=0.36)),
            Scene.STRANGER: (Sitter(other),),
        }
        room = recording.backdrop(_number(self._seed, seat))
        return recording.record(room, sitters[scene], seed, FRAMES)


def _number(*words: str) -> int:
    """A number that follows from words, the same on every machine."""
    return int.from_bytes(hashlib.sha256("|".join(words).encode()).digest()[:6])
