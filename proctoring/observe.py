"""One look at one frame: light, faces, who counts as sitting here, and whether it is the enrolled person.

No state and no time passes here: what several looks mean together is `episodes`' affair. A model that is
missing is named in `unavailable` and its values are absent; that is not the same as an empty chair.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from exam_rooms.watching import Likeness, WatchRules
from proctoring import faces as nets
from proctoring.faces import Vector
from proctoring.frames import Frame, fingerprint, open_verdict, quality
from proctoring.models import ModelUnavailable, card, open_net
from proctoring.observation import FoundFace, Identity, Observation
from proctoring.quality import Quality, Verdict

DETECT, VERIFY = "detect", "verify"
LEAST_WIDTH = 40.0  # pixels of a face that is compared, in the frame as it came
LEAST_LIGHT, MOST_GLARE, GLARE, LEAST_DETAIL = 25.0, 0.40, 250, 0.025
"""A face is compared when its mean brightness is at least the first, at most the second share of it is as
bright as GLARE, and its detail (see `detail`) is at least the last. Measured on darkened, overexposed,
blurred and shaken portraits: beyond these more and more faces were mistaken for another person's."""
INNER = slice(16, 96)  # rows and columns of an upright cut-out that are face, not hair or background
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns from a pixel to its neighbour
DETAIL_SIDE = 40  # pixels; a face that is just wide enough must not seem blurred by being enlarged


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

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where the weights lie; the package's own when left out. Takes a tenth of a second."""
        self._nets: dict[str, cv2.dnn.Net] = {}
        self._faults: dict[str, ModelUnavailable] = {}
        for purpose in (DETECT, VERIFY):
            try:
                self._nets[purpose] = open_net(purpose, folder)
            except ModelUnavailable as fault:
                self._faults[purpose] = fault
        self.unavailable: tuple[str, ...] = tuple(self._faults)
        self.models: Mapping[str, str] = MappingProxyType(
            {purpose: f"{card(purpose).name} {card(purpose).version}" for purpose in self._nets}
        )

    def observe(
        self,
        frame: Frame,
        enrolled: Vector | None,
        rules: WatchRules,
        *,
        sizes: Sizes = SEAT,
        compare: bool = True,
    ) -> Observation:
        """What a frame shows. With `compare` a good face is held against `enrolled`.

        Raises `ValueError` when `enrolled` is not a vector of this model.
        """
        watch = Stopwatch()
        with watch.step("quality"):
            seen, trace = quality(frame), fingerprint(frame)
        with watch.step("detect"):
            faces = self._faces(frame, sizes)
        main = main_face(faces)
        persons = count_persons(faces, rules)
        seen = _seen_with(seen, main)
        cut = None
        if main is not None and persons == 1:
            with watch.step("align"):
                cut = nets.upright(frame, main)
            cut = cut if is_comparable(main, cut, seen) else None
        identity = None
        if compare and enrolled is not None and cut is not None and VERIFY in self._nets:
            with watch.step("verify"):
                similarity = nets.cosine(enrolled, nets.embed(self._nets[VERIFY], card(VERIFY), cut))
            identity = Identity(similarity, likeness(similarity))
        height, width = frame.shape[:2]
        return Observation(
            width=width,
            height=height,
            quality=seen,
            faces=faces,
            persons=persons,
            comparable=cut is not None,
            identity=identity,
            fingerprint=trace,
            models=self.models,
            unavailable=self.unavailable,
            ms=watch.ms,
        )

    def vector(self, frame: Frame, face: FoundFace, watch: "Stopwatch | None" = None) -> Vector:
        """A face of the frame as a vector. Raises `ModelUnavailable` without the verifier."""
        if VERIFY in self._faults:
            raise self._faults[VERIFY]
        watch = watch or Stopwatch()
        with watch.step("align"):
            cut = nets.upright(frame, face)
        with watch.step("verify"):
            return nets.embed(self._nets[VERIFY], card(VERIFY), cut)

    def _faces(self, frame: Frame, sizes: Sizes) -> tuple[FoundFace, ...]:
        """All faces, the main one marked; looked for more closely when nobody seems to sit here."""
        if DETECT not in self._nets:
            return ()
        net, entry = self._nets[DETECT], card(DETECT)
        least = sizes.near * frame.shape[1]
        found = mark_main(nets.find(net, entry, frame, sizes.first), least)
        if sizes.retry > sizes.first and main_face(found) is None and max(frame.shape[:2]) > sizes.first:
            found = mark_main(nets.find(net, entry, frame, sizes.retry), least)
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


def one_core() -> None:
    """Keeps OpenCV of this process to one core: a seat has an exam to show, a server other work."""
    cv2.setNumThreads(1)


def likeness(similarity: float) -> Likeness:
    """What a cosine says, by the thresholds of the verifier's card; between them nothing is claimed."""
    limits = card(VERIFY).thresholds
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


def is_comparable(face: FoundFace, cut: Frame, seen: Quality) -> bool:
    """Whether a face is large, sharp and lit well enough to say who it is. `cut`: the face upright."""
    if seen.verdict is not Verdict.GOOD or face.box[2] < LEAST_WIDTH:
        return False
    grey = np.asarray(cv2.cvtColor(cut[INNER, INNER], cv2.COLOR_BGR2GRAY), np.uint8)
    light, glare = float(grey.mean()), float((grey >= GLARE).mean())
    return light >= LEAST_LIGHT and glare <= MOST_GLARE and detail(grey) >= LEAST_DETAIL


def detail(grey: NDArray[np.uint8]) -> float:
    """How much of a face's contrast is fine, whatever the light: near 0 when blurred or shaken.

    The variance of its bends along the direction that has least, as a share of the variance of its
    brightness: a shake takes the detail along its own direction only.
    """
    side = (DETAIL_SIDE, DETAIL_SIDE)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA).astype(np.float32)
    middle, last = small[1:-1, 1:-1], DETAIL_SIDE - 1
    bends = []
    for down, right in DIRECTIONS:
        before = small[1 - down : last - down, 1 - right : last - right]
        after = small[1 + down : last + down, 1 + right : last + right]
        bends.append(float((before + after - 2 * middle).var()) / (abs(down) + abs(right)))
    return min(bends) / max(float(small.var()), 1.0)


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
    template = nets.unit(np.asarray(np.mean(vectors, axis=0), np.float32))
    spread = min((nets.cosine(*pair) for pair in combinations(vectors, 2)), default=1.0)
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
    similarity = nets.cosine(eyes.vector(photo, main), template)
    return similarity, likeness(similarity)


def _seen_with(seen: Quality, main: FoundFace | None) -> Quality:
    """A lens through which a face is seen is not covered, however plain the wall behind it."""
    if main is None or seen.verdict is not Verdict.COVERED:
        return seen
    return replace(seen, verdict=open_verdict(seen.brightness, seen.sharpness))


def _area(face: FoundFace) -> float:
    return face.box[2] * face.box[3]
