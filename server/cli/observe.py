"""`examhall observe`: what the cameras' models see in picture files; nothing is stored.

For whoever sets up a camera or doubts a model: the same code as on a seat, on any picture.
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import atan2, degrees
from pathlib import Path
from typing import Any

import click

from exam_rooms.watching import Likeness, WatchRules
from proctoring.faces import Vector, cosine
from proctoring.frames import Frame, FrameFault, decode_frame
from proctoring.models import card
from proctoring.nets import DETECT, LIVENESS, VERIFY
from proctoring.observation import FoundFace, FoundObject, Observation
from proctoring.observe import (
    EVERYTHING,
    PHOTO,
    SEAT,
    Eyes,
    Stopwatch,
    likeness,
    main_face,
    one_core,
)
from proctoring.pose import Pose
from server.cli.models import FOLDER
from server.cli.words import _, say
from server.errors import Refused

LIVE, SPOOF, UNAVAILABLE = "live", "spoof", "unavailable"
VERDICTS = {"good": _("正常"), "dark": _("过暗"), "blurred": _("模糊"), "covered": _("遮挡")}
LIKENESSES = {
    Likeness.MATCH: _("一致"),
    Likeness.UNSURE: _("不确定"),
    Likeness.MISMATCH: _("不一致"),
    Likeness.NO_FACE: _("无人脸"),
}
STEPS = {
    "decode": ("decode",), "quality": ("quality",), "detect": ("detect",),
    "landmarks": ("align", "mesh", "iris"), "verify": ("verify",), "liveness": ("liveness",),
    "objects": ("objects",),
}  # fmt: skip
"""What a step is called in the answer -> in an observation."""
FILE = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Look:
    """A picture as seen, without its pixels; where each face is turned, as far as it can be told; `vector`
    of the main face when somebody wants to compare.
    """

    seen: Observation
    heads: tuple[Pose | None, ...]
    vector: Vector | None
    ms: Mapping[str, float]


class Viewer:
    """Looks at each file at most once, however many pairs it is in."""

    def __init__(self, folder: Path | None, *, seat: bool) -> None:
        """`folder`: of the models; `seat`: as a seat's camera would (small, quick), else as a photo."""
        one_core()
        self.eyes = Eyes(folder)
        self._sizes = SEAT if seat else PHOTO
        self._looks: dict[tuple[Path, bool], Look | FrameFault] = {}

    def look(self, image: Path, *, vector: bool) -> Look:
        """What one file shows. Raises `FrameFault` for one that cannot be read."""
        if (image, vector) not in self._looks:
            try:
                self._looks[image, vector] = self._look(image, vector)
            except FrameFault as fault:
                self._looks[image, vector] = fault
        found = self._looks[image, vector]
        if isinstance(found, FrameFault):
            raise found
        return found

    def _look(self, image: Path, vector: bool) -> Look:
        watch = Stopwatch()
        begun = time.thread_time()
        with watch.step("decode"):
            frame = _read(image)
        seen = self.eyes.observe(frame, None, WatchRules(), sizes=self._sizes, compare=False, look=EVERYTHING)
        heads = tuple(
            _main_head(seen) if face.main else self.eyes.head(frame, face, watch) for face in seen.faces
        )
        main = main_face(seen.faces)
        known = None
        if vector and main is not None and VERIFY not in self.eyes.unavailable:
            known = self.eyes.vector(frame, main, watch)
        spent = [*seen.ms.items(), *watch.ms.items()]
        ms = {name: sum(each for step, each in spent if step in steps) for name, steps in STEPS.items()}
        ms["total"] = (time.thread_time() - begun) * 1000
        return Look(seen, heads, known, ms)


@click.command(help=_("查看图片中的画面质量和人脸，并可与另一张图片中的人脸比对；不保存任何内容。"))
@click.argument("images", nargs=-1, type=FILE)
@click.option("--list", "listed", type=FILE, help=_("图片清单文件，每行一个路径"))
@click.option("--enrolled", type=FILE, help=_("与此图片中的人脸比对"))
@click.option("--pairs", type=FILE, help=_("成对比对的清单文件，每行两个路径，以制表符分隔"))
@click.option("--seat", is_flag=True, help=_("按机位摄像头的方式查看（较小、较快），而不是按照片"))
@FOLDER
@click.option("--json", "as_json", is_flag=True, help=_("每张图片打印一行 JSON"))
def observe(  # noqa: PLR0913 - one argument for each option
    images: tuple[Path, ...],
    listed: Path | None,
    enrolled: Path | None,
    pairs: Path | None,
    seat: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Exit status 1 when a picture could not be read."""
    files = [*images, *(Path(line) for line in _lines(listed))]
    jobs = [(enrolled, image) for image in files] + [_pair(line) for line in _lines(pairs)]
    if not jobs:
        raise click.UsageError(_("请给出图片、--list 或 --pairs。"))
    viewer = Viewer(folder, seat=seat)
    if viewer.eyes.missing(EVERYTHING):
        click.echo(_("缺少模型，相应的检查不可用。请运行 examhall models verify。"), err=True)
    failed = False
    for told in _told(viewer, jobs):
        failed = failed or "error" in told
        click.echo(json.dumps(told, ensure_ascii=False) if as_json else _row(told))
    sys.exit(1 if failed else 0)


def _told(viewer: Viewer, jobs: list[tuple[Path | None, Path]]) -> Iterator[dict[str, Any]]:
    """One object of the contract for each picture or pair, in order."""
    for enrolled, image in jobs:
        names = {"image": str(image)} | ({} if enrolled is None else {"enrolled": str(enrolled)})
        looks: list[Look] = []
        for file in (image,) if enrolled is None else (enrolled, image):
            try:
                looks.append(viewer.look(file, vector=enrolled is not None))
            except FrameFault as fault:
                message = say(Refused(fault.code, 422, **fault.params))
                yield {**names, "error": {"code": fault.code, "message": message, "file": str(file)}}
                break
        else:
            identity = None if enrolled is None else _identity(looks[0], looks[1])
            yield {**names, **_as_contract(looks[-1]), "identity": identity}


def _as_contract(look: Look) -> dict[str, Any]:
    seen = look.seen
    return {
        "width": seen.width,
        "height": seen.height,
        "quality": {
            "brightness": round(seen.quality.brightness, 1),
            "sharpness": round(seen.quality.sharpness, 1),
            "verdict": str(seen.quality.verdict),
        },
        "faces": [_face(face, head) for face, head in zip(seen.faces, look.heads, strict=True)],
        "persons": None if DETECT in seen.unavailable else seen.persons,
        "comparable": seen.comparable,
        "gaze": _short(None if seen.attention is None else seen.attention.gaze),
        "liveness": _liveness(seen),
        "objects": None if seen.objects is None else [_thing(each) for each in seen.objects],
        "unavailable": list(seen.unavailable),
        "models": dict(seen.models),
        "ms": {step: round(value, 2) for step, value in look.ms.items()},
    }


def _main_head(seen: Observation) -> Pose | None:
    """The main face's, which the look has found already."""
    now, shape = seen.attention, seen.shape
    return None if now is None or shape is None else Pose(now.yaw, now.pitch, now.roll, shape.misfit)


def _face(face: FoundFace, head: Pose | None) -> dict[str, Any]:
    """Without the network for it only the roll is known, by the line of the eyes."""
    (right_x, right_y), (left_x, left_y) = face.landmarks[:2]
    roll = degrees(atan2(left_y - right_y, left_x - right_x)) if head is None else head.roll
    return {
        "box": [round(value, 1) for value in face.box],
        "score": round(face.score, 4),
        "yaw": None if head is None else round(head.yaw, 1),
        "pitch": None if head is None else round(head.pitch, 1),
        "roll": round(roll, 1),
        "main": face.main,
    }


def _liveness(seen: Observation) -> dict[str, Any] | None:
    """None when there is no face to judge; "unavailable" without a model, or light to see by."""
    if main_face(seen.faces) is None:
        return None
    if seen.liveness is None:
        return {"score": None, "verdict": UNAVAILABLE}
    alive = seen.liveness >= card(LIVENESS).thresholds["alive"]
    return {"score": _short(seen.liveness), "verdict": LIVE if alive else SPOOF}


def _thing(found: FoundObject) -> dict[str, Any]:
    box = [round(value, 1) for value in found.box]
    return {"kind": found.kind, "score": round(found.score, 4), "box": box}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _identity(known: Look, look: Look) -> dict[str, Any] | None:
    """How like the main faces of two pictures are; of poor ones nothing is claimed but the number."""
    if {DETECT, VERIFY} & set(look.seen.unavailable):
        return None
    if known.vector is None or look.vector is None:
        return {"similarity": None, "verdict": str(Likeness.NO_FACE)}
    similarity = cosine(known.vector, look.vector)
    sure = known.seen.comparable and look.seen.comparable
    return {
        "similarity": round(similarity, 5),
        "verdict": str(likeness(similarity) if sure else Likeness.UNSURE),
    }


def _row(told: dict[str, Any]) -> str:
    """The same as one line for people: picture, size, quality, faces, likeness."""
    if "error" in told:
        return f"{told['error']['file']}\t{told['error']['message']}"
    quality, identity = told["quality"], told["identity"]
    size = f"{told['width']}x{told['height']}"
    found = (
        _("人脸检测不可用") if told["persons"] is None else _("%(count)d 张人脸", count=len(told["faces"]))
    )
    columns = [told["image"], size, VERDICTS[quality["verdict"]], found]
    if "enrolled" in told:
        columns.append(_("人脸比对不可用") if identity is None else _likeness(identity))
    return "\t".join(columns)


def _likeness(identity: dict[str, Any]) -> str:
    word = LIKENESSES[Likeness(identity["verdict"])]
    return word if identity["similarity"] is None else f"{word} {identity['similarity']:.2f}"


def _read(image: Path) -> Frame:
    try:
        data = image.read_bytes()
    except OSError as fault:
        raise FrameFault("picture_not_found") from fault
    return decode_frame(data)


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return [line for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError as fault:
        raise click.UsageError(_("没有清单文件 %(path)s。", path=file)) from fault
    except (OSError, UnicodeDecodeError) as fault:
        raise click.UsageError(_("清单文件 %(path)s 无法读取。", path=file)) from fault


def _pair(line: str) -> tuple[Path, Path]:
    parts = line.split("\t")
    if len(parts) != 2:
        raise click.UsageError(_("成对清单的每一行应为两个路径，以制表符分隔。"))
    return Path(parts[0]), Path(parts[1])
