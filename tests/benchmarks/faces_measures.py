"""What is measured of a set of networks on labelled photos; every measure is a plain dictionary."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from exam_rooms.watching import Likeness, WatchRules
from proctoring.faces import Vector, upright
from proctoring.frames import Frame, FrameFault, decode_frame
from proctoring.observation import Observation
from proctoring.observe import EVERYTHING, PHOTO, SEAT, Eyes, Looks, Stopwatch, likeness, main_face
from tests.benchmarks.faces_baseline import auc, chi_square, local_patterns
from tests.benchmarks.faces_labels import Photo, matched

RULES = WatchRules()
AT = (0.40, 0.45, 0.50)
PHONE_AT = (0.25, 0.35)
TURNED = Looks(attention=True)
Told = dict[str, object]


@dataclass(frozen=True)
class Seen:
    """One photo as these networks see it: as a photo, and as a seat's camera would."""

    photo: Photo
    large: Observation
    small: Observation
    vector: Vector | None
    patterns: NDArray[np.float64] | None
    mirrored: float | None
    ms: Mapping[str, float] = field(default_factory=dict)


def look_at(eyes: Eyes, photo: Photo) -> Seen | None:
    """Everything of one photo, None for one that cannot be read."""
    watch = Stopwatch()
    try:
        data = photo.path.read_bytes()
        with watch.step("decode"):
            frame = decode_frame(data)
    except (OSError, FrameFault):
        return None
    small = eyes.observe(frame, None, RULES, sizes=SEAT, compare=False)
    large = eyes.observe(frame, None, RULES, sizes=PHOTO, compare=False, look=EVERYTHING)
    main = main_face(large.faces)
    vector = patterns = mirrored = None
    if main is not None and "verify" not in eyes.unavailable:
        vector = eyes.vector(frame, main, watch)
    if main is not None and photo.compared:
        with watch.step("local_patterns"):
            patterns = local_patterns(upright(frame, main))
    if main is not None and photo.kind == "webcam":
        mirrored = _mirrored(eyes, frame)
    return Seen(
        photo,
        large,
        small,
        vector,
        patterns,
        mirrored,
        {**large.ms, **watch.ms, **_detection(frame, small, large)},
    )


def _detection(frame: Frame, small: Observation, large: Observation) -> dict[str, float]:
    """Milliseconds of detection by size, where the frame is large enough to be made smaller."""
    longest = max(frame.shape[:2])
    told = {"detect_320": small.ms["detect"]} if small.persons and longest > SEAT.first else {}
    return told | ({"detect_640": large.ms["detect"]} if longest >= PHOTO.first else {})


def _mirrored(eyes: Eyes, frame: Frame) -> float | None:
    """Yaw of the mirrored picture."""
    flipped = np.ascontiguousarray(frame[:, ::-1])
    seen = eyes.observe(flipped, None, RULES, sizes=PHOTO, compare=False, look=TURNED)
    return None if seen.attention is None else seen.attention.yaw


def times(seen: Sequence[Seen]) -> Told:
    """Median processor milliseconds of each step."""
    steps = sorted({step for each in seen for step in each.ms} - {"detect"})
    spent = {step: [each.ms[step] for each in seen if step in each.ms] for step in steps}
    return {step: round(float(np.median(values)), 2) for step, values in spent.items()}


def by_kind(seen: Sequence[Seen]) -> dict[str, Told]:
    """Of each kind of picture: faces labelled, found and found falsely as a photo; found as a seat does."""
    told: dict[str, Told] = {}
    for kind in sorted({each.photo.kind for each in seen}):
        rows = [each for each in seen if each.photo.kind == kind]
        told[kind] = {**counts(rows), "at_seat": sum(each.small.persons > 0 for each in rows)}
    return told


def counts(seen: Sequence[Seen]) -> Told:
    """Pictures, labelled faces, found ones, false ones; unlabelled pictures count as pictures alone."""
    labelled = found = boxes = 0
    for each in seen:
        wanted = each.photo.boxes
        if wanted is None:
            continue
        labelled += len(wanted)
        found += matched([face.box for face in each.large.faces], wanted)
        boxes += len(each.large.faces)
    return {"pictures": len(seen), "faces": labelled, "found": found, "false": boxes - found}


def identity(seen: Sequence[Seen]) -> Told:
    """All pairs of compared photos: area under the curve, of the baseline too; shares of errors."""
    rows = [each for each in seen if each.photo.compared and each.vector is not None]
    if not rows:
        return {"unavailable": True}
    names, upper = np.array([each.photo.identity for each in rows]), np.triu_indices(len(rows), 1)
    same = (names[:, None] == names[None])[upper]
    vectors = np.array([each.vector for each in rows])
    scores = (vectors @ vectors.T)[upper].astype(np.float64)
    naive = -np.array([_unlike(rows[one], rows[other]) for one, other in zip(*upper, strict=True)])
    return {
        "pairs": {"same": int(same.sum()), "different": int((~same).sum())},
        "auc": auc(scores, same),
        "auc_local_patterns": auc(naive, same),
        **{f"far@{limit:.2f}": _share(scores[~same] >= limit) for limit in AT},
        **{f"frr@{limit:.2f}": _share(scores[same] < limit) for limit in AT},
        **_verdicts(rows, scores, same),
    }


def _unlike(one: Seen, other: Seen) -> float:
    assert one.patterns is not None
    assert other.patterns is not None
    return chi_square(one.patterns, other.patterns)


def _verdicts(rows: Sequence[Seen], scores: NDArray[np.float64], same: NDArray[np.bool_]) -> Told:
    """Errors of what is claimed: of a poor picture nothing is."""
    good = np.array([each.large.comparable for each in rows])
    both = (good[:, None] & good[None])[np.triu_indices(len(rows), 1)]
    match = np.array([likeness(score) is Likeness.MATCH for score in scores]) & both
    mismatch = np.array([likeness(score) is Likeness.MISMATCH for score in scores]) & both
    return {
        "far_match": _share(match[~same]),
        "same_not_match": _share(~match[same]),
        "same_mismatch": _share(mismatch[same]),
    }


def pose(seen: Sequence[Seen]) -> Told:
    """Angles of the pictures that are there for it, and how far a mirrored picture's yaw is from minus its own."""
    if not any(each.large.attention for each in seen):
        return {"unavailable": True}
    told: Told = {}
    for each in seen:
        if each.photo.kind.startswith("pose") and each.large.attention is not None:
            at = each.large.attention
            told[each.photo.path.stem] = [round(at.yaw), round(at.pitch), round(at.roll)]
    off = [abs(each.large.attention.yaw + each.mirrored) for each in seen
           if each.mirrored is not None and each.large.attention is not None]  # fmt: skip
    if off:
        told["mirror_median"], told["mirror_p90"] = (
            round(float(np.quantile(off, at)), 1) for at in (0.5, 0.9)
        )
    return told | {"gaze": gaze(seen)}


def gaze(seen: Sequence[Seen]) -> Told:
    """Median place of the iris by kind of picture."""
    told: Told = {}
    for kind in sorted({each.photo.kind for each in seen if each.photo.kind.startswith("gaze")}):
        found = _attention(seen, kind, lambda at: at.gaze)
        told[kind] = round(float(np.median(found)), 3) if found else None
    return told


def _attention(seen: Sequence[Seen], kind: str, value: Callable[..., float | None]) -> list[float]:
    looked = [each.large.attention for each in seen if each.photo.kind == kind]
    return [found for at in looked if at is not None and (found := value(at)) is not None]


def liveness(seen: Sequence[Seen]) -> Told:
    """Living faces (live, webcam) against pictures of faces (spoof...)."""
    if not any(each.large.liveness is not None for each in seen):
        return {"unavailable": True}
    scored = [each for each in seen if each.large.liveness is not None]
    live = [each.large.liveness for each in scored if each.photo.kind in {"live", "webcam"}]
    spoof = [each.large.liveness for each in scored if each.photo.kind.startswith("spoof")]
    scores, alive = np.array([*live, *spoof], float), np.arange(len(live) + len(spoof)) < len(live)
    return {
        "auc": auc(scores, alive),
        "live_rejected": f"{int((scores[alive] < 0.5).sum())}/{len(live)}",
        "spoof_accepted": f"{int((scores[~alive] >= 0.5).sum())}/{len(spoof)}",
    }


def objects(seen: Sequence[Seen]) -> Told:
    """Phones found where there is one, and where there is none (webcam); webcam pictures with one person."""
    if not any(each.large.objects is not None for each in seen):
        return {"unavailable": True}
    phones = [_best(each, "phone") for each in seen if each.photo.kind == "phone"]
    none = [each for each in seen if each.photo.kind == "webcam"]
    one = sum(sum(thing.kind == "person" and thing.score >= PHONE_AT[1] for thing in each.large.objects or ()) == 1
              for each in none)  # fmt: skip
    told: Told = {f"phones@{at}": f"{sum(score >= at for score in phones)}/{len(phones)}" for at in PHONE_AT}
    false = [_best(each, "phone") for each in none]
    told |= {f"false_phones@{at}": f"{sum(score >= at for score in false)}/{len(none)}" for at in PHONE_AT}
    return told | {"one_person": f"{one}/{len(none)}"}


def _best(seen: Seen, kind: str) -> float:
    return max((thing.score for thing in seen.large.objects or () if thing.kind == kind), default=0.0)


def _share(values: NDArray[np.bool_]) -> float:
    return round(float(values.mean()), 5) if len(values) else float("nan")
