"""What admission tickets cost: a child of the server sets them as on the day, with photos and without.

The floor is the same pages of the same candidates without photos: the rest is the price of the photos.
"""

import resource
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from exam_rooms.ticket_code import MARK_DIGITS
from server.cli.bare_jobs import bare_jobs
from server.cli.words import _

ROOM = 30
"""Tickets of a room: a standard one."""
PHOTO_WIDTH, PHOTO_HEIGHT = 480, 640
"""Pixels of a registration photo as the import keeps it."""
_NAMES = ("王建国", "㼆小宁", "𠮷田惠", "阿卜杜·外力江")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time of the child, seconds by the clock, its peak memory in MiB, bytes, files."""

    cpu_seconds: float
    wall_seconds: float
    peak_rss_mib: int
    bytes: int


@dataclass(frozen=True, slots=True)
class TicketCost:
    """The tickets as printed, and the floor without photos."""

    tickets: int
    rooms: int
    with_photos: Cost
    floor: Cost

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the ratio of processor time to the floor."""
        ratio = self.with_photos.cpu_seconds / max(self.floor.cpu_seconds, 0.01)
        return asdict(self) | {"ratio": round(ratio, 2)}

    def in_words(self) -> str:
        """The figures as a sentence."""
        said = _("%(n)d 张准考证：处理器 %(cpu).1f 秒（不带照片 %(floor).1f 秒），内存峰值 %(mib)d MiB")
        spent = self.with_photos
        facts = {"cpu": spent.cpu_seconds, "floor": self.floor.cpu_seconds, "mib": spent.peak_rss_mib}
        return said % {"n": self.tickets, **facts}


def measured(tickets: int) -> TicketCost:
    """Sets so many tickets twice, the cheaper run first: the children's peak is a high-water mark."""
    photos = _photos(tickets)
    floor = _cost(_work(tickets, {}))
    return TicketCost(tickets, -(-tickets // ROOM), _cost(_work(tickets, photos)), floor)


def _cost(work: dict[str, Any]) -> Cost:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    made = bare_jobs().run("day_papers", work)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall = time.monotonic() - began
    return Cost(round(spent, 2), round(wall, 2), after.ru_maxrss >> 10, len(made["data"]))


def _work(tickets: int, photos: dict[str, bytes]) -> dict[str, Any]:
    numbers = range(tickets)
    rooms = [numbers[start : start + ROOM] for start in range(0, tickets, ROOM)]
    papers = [
        {"name": f"第 {place} 考场", "head": _head(place), "data": _tickets(room, photos)}
        for place, room in enumerate(rooms, 1)
    ]
    return {"kind": "ticket", "at": datetime.now(UTC).isoformat(), "papers": papers, **photos}


def _head(place: int) -> dict[str, str]:
    return {
        "title": "保卫管理员职业技能等级认定理论知识考试",
        "institution": "示例评价机构",
        "place": f"2026 年第 4 批 · 第 1 场 · 第 {place} 考场",
        "printed": "2026-11-21 08:30",
        "hash": f"{place:016x}",
    }


def _tickets(room: range, photos: dict[str, bytes]) -> dict[str, Any]:
    return {
        "tickets": [
            {
                "name": _NAMES[number % len(_NAMES)],
                "sex": "男",
                "id": "110***********1234",
                "ticket": f"26112201{number:05d}",
                "employer": "某某安保服务有限公司",
                "seat": str(number % ROOM + 1),
                "until": "10:30",
                "extra": "",
                "photo": str(number) if photos else "",
                "qr": f"26112201{number:05d}-{number:0{MARK_DIGITS}d}",
            }
            for number in room
        ],
        "rules": [f"第 {n} 条考生须知，与准考证上的长度相仿，排满一行多一点的文字。" for n in range(1, 6)],
        "times": {"date": "2026 年 11 月 22 日", "opens": "08:30", "starts": "09:00", "closes": "09:15"},
        "place": {
            "occupation": "保卫管理员",
            "level": "三级/高级工",
            "component": "理论知识考试",
            "room": "考场",
            "site": "示例考点",
            "address": "示例市示例路 1 号",
        },
    }


def _photos(count: int) -> dict[str, bytes]:
    """A JPEG for each ticket, no two alike, of the size that the import keeps."""
    import cv2
    import numpy as np

    folder = Path(str(files("server") / "samples" / "faces"))
    read = cv2.imread(str(next(path for path in sorted(folder.iterdir()) if path.suffix == ".jpg")))
    assert read is not None
    face = cv2.resize(read, (PHOTO_WIDTH, PHOTO_HEIGHT))
    made = {}
    for number in range(count):
        other = np.roll(face, number, axis=1)
        made[f"photo/{number}"] = cv2.imencode(".jpg", other, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    return made
