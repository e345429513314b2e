"""One look at one frame: light, faces, who counts as sitting here, and whether it is the enrolled person.

No state and no time passes here: what several looks mean together is `episodes`' affair. A model that is
missing is named in `unavailable` and its values are absent; that is not the same as an empty chair.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np

from exam_rooms.watching import Likeness, WatchRules
from proctoring import faces as finding
from proctoring import gaze, liveness, mesh, objects, pose
from proctoring.face_quality import is_comparable
from proctoring.faces import Vector
from proctoring.frames import Frame, fingerprint, open_verdict, quality
from proctoring.mesh import Mesh
from proctoring.models import Folder, card
from proctoring.nets import DETECT, IRIS, LIVENESS, MESH, OBJECTS, VERIFY, Nets
from proctoring.observation import Attention, FoundFace, FoundObject, HeadShape, Identity, Observation
from proctoring.pose import Pose
from proctoring.quality import Quality, Verdict

MOST_YAW, MOST_PITCH = 30.0, 35.0
"""Degrees from which on a head is turned too far to be called a stranger's."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How closely a frame is looked at. `first`, `retry`: long side in pixels while looking for faces; the
    second when nobody was found at first (0: never). `near`: least width of the main face as a share of the
    frame's, since behind an empty chair sit others."""

    first: int = 320
    retry: int = 640
    near: float = 0.0


SEAT = Sizes(near=0.06)
"""A seat's camera: whoever sits before it has a face of 0.09 and more even in a wide-angle picture."""
PHOTO = Sizes(640, 0)
"""A registration photo, or any picture whose people are far away."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The costly steps that one look makes: head pose, eyes and mouth (2 ms), gaze besides (4 ms more),
    whether the face is alive (2 ms), and things on the desk (15 ms).
    """

    attention: bool = False
    gaze: bool = False
    liveness: bool = False
    objects: bool = False

    @property
    def purposes(self) -> tuple[str, ...]:
        """The networks that these steps need."""
        wanted = (
            (MESH, self.attention or self.gaze),
            (IRIS, self.gaze),
            (LIVENESS, self.liveness),
            (OBJECTS, self.objects),
        )
        return tuple(purpose for purpose, asked in wanted if asked)


NOTHING_MORE = Looks()
EVERYTHING = Looks(attention=True, gaze=True, liveness=True, objects=True)


@dataclass(frozen=True)
class Enrolment:
    """A candidate's face as the camera of the seat sees it.

    `template`: mean of the good `frames`, length 1; `spread`: cosine of the two of them that are least
    alike, 1 for a single frame. Each other, not the mean: a stranger in the mean makes itself alike.
    `similarity`: of the registration photo to the template, None with `likeness` NO_PHOTO or NO_FACE.
    """

    template: Vector
    similarity: float | None
    likeness: Likeness
    spread: float
    frames: int


class Eyes:
    """The networks of one thread. A missing or wrong model is never an error, but named in `unavailable`."""

    def __init__(self, folder: Folder = None) -> None:
        """`folder`: where the weights lie, as in `models`. Takes a tenth of a second; networks for the
        steps of `Looks` are opened when they are first asked for.
        """
        self._nets = Nets(folder)
        self.unavailable: tuple[str, ...] = self._nets.missing((DETECT, VERIFY))
        """Those of the two that every seat needs; `missing` tells of the others."""

        self.models: Mapping[str, str] = self._nets.names((DETECT, VERIFY))
        """Purpose -> name and version of these two."""

        verifier = None if VERIFY in self.unavailable else self._nets.need(VERIFY)[1]
        self.dim = 0 if verifier is None else verifier.dim
        """Length of a vector that they make; 0 without the verifier."""

        self.limits: Mapping[str, float] = {} if verifier is None else verifier.thresholds
        """What the verifier's card says of its cosines, see `likeness`."""

    def missing(self, look: Looks = NOTHING_MORE) -> tuple[str, ...]:
        """Purposes without a usable model among those that looks of this sort need."""
        return (*self.unavailable, *self._nets.missing(look.purposes))

    def observe(  # noqa: PLR0913 - how closely and what to look at, by name
        self,
        frame: Frame,
        enrolled: Vector | None,
        rules: WatchRules,
        *,
        sizes: Sizes = SEAT,
        compare: bool = True,
        look: Looks = NOTHING_MORE,
    ) -> Observation:
        """What a frame shows. With `compare` a good face is held against `enrolled`.

        Raises `ValueError` when `enrolled` is not a vector of this model.
        """
        watch = Stopwatch()
        with watch.step("quality"):
            seen, trace = quality(frame), fingerprint(frame)
        with watch.step("detect"):
            faces = self._faces(frame, sizes)
        height, width = frame.shape[:2]
        bare = Observation(
            width=width,
            height=height,
            quality=_seen_with(seen, main_face(faces)),
            faces=faces,
            persons=count_persons(faces, rules),
            comparable=False,
            identity=None,
            fingerprint=trace,
            models=self._nets.names((DETECT, VERIFY, *look.purposes)),
            unavailable=self.missing(look),
            ms=watch.ms,
        )
        glance = _Glance(self._nets, frame, watch)
        return _looked(glance, _compared(glance, bare, enrolled if compare else None), look)

    def vector(self, frame: Frame, face: FoundFace, watch: "Stopwatch | None" = None) -> Vector:
        """A face of the frame as a vector. Raises `ModelUnavailable` without the verifier."""
        net, entry = self._nets.need(VERIFY)
        watch = watch or Stopwatch()
        with watch.step("align"):
            cut = finding.upright(frame, face)
        with watch.step("verify"):
            return finding.embed(net, entry, cut)

    def head(self, frame: Frame, face: FoundFace, watch: "Stopwatch | None" = None) -> Pose | None:
        """Where any face of the frame is turned; None without the network or a face it can follow."""
        found = _Glance(self._nets, frame, watch or Stopwatch()).mesh(face)
        return pose.head_pose(found) if found is not None and found.sure else None

    def _faces(self, frame: Frame, sizes: Sizes) -> tuple[FoundFace, ...]:
        """All faces, the main one marked; looked for more closely when nobody seems to sit here."""
        if DETECT in self.unavailable:
            return ()
        net, entry = self._nets.need(DETECT)
        least = sizes.near * frame.shape[1]
        found = mark_main(finding.find(net, entry, frame, sizes.first), least)
        if sizes.retry > sizes.first and main_face(found) is None and max(frame.shape[:2]) > sizes.first:
            found = mark_main(finding.find(net, entry, frame, sizes.retry), least)
        return found


class Stopwatch:
    """Processor milliseconds of this thread by step."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self.ms: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Counts what runs inside to a step."""
        begun = time.thread_time()
        yield
        self.ms[name] = self.ms.get(name, 0.0) + (time.thread_time() - begun) * 1000


# --- the steps of one look ---------------------------------------------------------------------------


@dataclass(slots=True)
class _Glance:
    """One frame, the networks and the stopwatch; the main face's points once they were needed."""

    nets: Nets
    frame: Frame
    watch: Stopwatch
    found: Mesh | None = None

    def mesh(self, face: FoundFace) -> Mesh | None:
        """The points of the main face, found once; None without the network."""
        if self.found is None and self.nets.get(MESH):
            with self.watch.step("mesh"):
                self.found = mesh.find(*self.nets.need(MESH), self.frame, face)
        return self.found


def _compared(glance: _Glance, seen: Observation, enrolled: Vector | None) -> Observation:
    """The same with what a comparison says, if the frame is good enough for one."""
    main = main_face(seen.faces)
    if main is None or seen.persons != 1:
        return seen
    with glance.watch.step("align"):
        cut = finding.upright(glance.frame, main)
        good = is_comparable(main, cut, seen.quality)
    if not good or enrolled is None or not glance.nets.get(VERIFY):
        return replace(seen, comparable=good)
    net, entry = glance.nets.need(VERIFY)
    with glance.watch.step("verify"):
        probe = finding.embed(net, entry, cut)
    similarity = finding.cosine(enrolled, probe)
    verdict = likeness(similarity, entry.thresholds)
    if verdict is not Likeness.MATCH and _is_hidden(glance.mesh(main)):
        return seen
    return replace(seen, comparable=True, identity=Identity(similarity, verdict), probe=probe)


def _is_hidden(found: Mesh | None) -> bool:
    """Whether a face is covered or turned away, and so only seems unlike. Not known without the mesh."""
    if found is None:
        return False
    head = pose.head_pose(found)
    return not found.sure or abs(head.yaw) > MOST_YAW or abs(head.pitch) > MOST_PITCH


def _looked(glance: _Glance, seen: Observation, look: Looks) -> Observation:
    """The same with the further steps that were asked for."""
    main = main_face(seen.faces)
    if main is not None and (look.attention or look.gaze):
        seen = _attended(glance, seen, main, look)
    if main is not None and look.liveness and seen.quality.verdict is Verdict.GOOD:
        seen = replace(seen, liveness=_alive(glance, main))
    if look.objects and seen.quality.verdict is not Verdict.COVERED:
        seen = replace(seen, objects=_things(glance))
    return seen


def _attended(glance: _Glance, seen: Observation, main: FoundFace, look: Looks) -> Observation:
    found = glance.mesh(main)
    if found is None or not found.sure:
        return seen
    head = pose.head_pose(found)
    return replace(
        seen,
        attention=_attention(glance, found, head, look.gaze),
        shape=HeadShape(pose.rigid_points(found), head.misfit),
    )


def _attention(glance: _Glance, found: Mesh, head: Pose, with_gaze: bool) -> Attention:
    eyes, where = gaze.eyes_open(found), None
    if with_gaze and glance.nets.get(IRIS):
        with glance.watch.step("iris"):
            both = gaze.look(*glance.nets.need(IRIS), glance.frame, found)
        eyes, where = both.eyes, both.gaze
    return Attention(head.yaw, head.pitch, head.roll, eyes, gaze.mouth_open(found), where)


def _alive(glance: _Glance, main: FoundFace) -> float | None:
    found = glance.nets.get(LIVENESS)
    if not found:
        return None
    with glance.watch.step("liveness"):
        return liveness.score([each.net for each in found], [each.card for each in found], glance.frame, main)


def _things(glance: _Glance) -> tuple[FoundObject, ...] | None:
    if not glance.nets.get(OBJECTS):
        return None
    with glance.watch.step("objects"):
        return objects.find(*glance.nets.need(OBJECTS), glance.frame)


# --- who sits here -----------------------------------------------------------------------------------


def one_core() -> None:
    """Keeps OpenCV of this process to one core: a seat has an exam to show, a server other work."""
    cv2.setNumThreads(1)


def likeness(similarity: float, limits: Mapping[str, float] | None = None) -> Likeness:
    """What a cosine says, by the thresholds of the verifier's card; between them nothing is claimed."""
    limits = card(VERIFY).thresholds if limits is None else limits
    if similarity >= limits["match"]:
        return Likeness.MATCH
    return Likeness.MISMATCH if similarity < limits["mismatch"] else Likeness.UNSURE


def mark_main(found: Sequence[FoundFace], least_width: float) -> tuple[FoundFace, ...]:
    """The same faces with the main one marked: likely and large, at least so many pixels wide.

    By score times area, not by area alone: a large false find must not win over a plain face.
    """
    near = [place for place, face in enumerate(found) if face.box[2] >= least_width]
    best = max(near, key=lambda place: found[place].score * _area(found[place]), default=None)
    return tuple(replace(face, main=place == best) for place, face in enumerate(found))


def main_face(found: Sequence[FoundFace]) -> FoundFace | None:
    """The face of whoever sits here, when somebody does."""
    return next((face for face in found if face.main), None)


def count_persons(found: Sequence[FoundFace], rules: WatchRules) -> int:
    """The main face and those that are sure and large enough beside it."""
    main = main_face(found)
    if main is None:
        return 0
    least = rules.second_face_share * main.box[2]
    return 1 + sum(
        not face.main and face.score >= rules.second_face_score and face.box[2] >= least for face in found
    )


def enrol(eyes: Eyes, photo: Frame | None, frames: Sequence[Frame], rules: WatchRules) -> Enrolment | None:
    """A template out of live frames, and how like the registration photo it is.

    None when fewer than `rules.enrol_frames` of the frames are good (one person, good light, face large
    enough), or a model is missing.
    """
    if eyes.unavailable:
        return None
    vectors = []
    for frame in frames:
        seen = eyes.observe(frame, None, rules, compare=False)
        main = main_face(seen.faces)
        if seen.comparable and main is not None:
            vectors.append(eyes.vector(frame, main))
    if len(vectors) < max(1, rules.enrol_frames):
        return None
    template = finding.unit(np.asarray(np.mean(vectors, axis=0), np.float32))
    spread = min((finding.cosine(*pair) for pair in combinations(vectors, 2)), default=1.0)
    similarity, verdict = _against_photo(eyes, photo, template, rules)
    return Enrolment(template, similarity, verdict, spread, len(vectors))


def _against_photo(
    eyes: Eyes, photo: Frame | None, template: Vector, rules: WatchRules
) -> tuple[float | None, Likeness]:
    if photo is None:
        return None, Likeness.NO_PHOTO
    main = main_face(eyes.observe(photo, None, rules, sizes=PHOTO, compare=False).faces)
    if main is None:
        return None, Likeness.NO_FACE
    similarity = finding.cosine(eyes.vector(photo, main), template)
    return similarity, likeness(similarity, eyes.limits)


def _seen_with(seen: Quality, main: FoundFace | None) -> Quality:
    """A lens through which a face is seen is not covered, however plain the wall behind it."""
    if main is None or seen.verdict not in (Verdict.COVERED, Verdict.GLARE):
        return seen
    return replace(seen, verdict=open_verdict(seen.brightness, seen.sharpness))


def _area(face: FoundFace) -> float:
    return face.box[2] * face.box[3]
