"""A room's plan on paper and as a file: true to its geometry, with what the rules say of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from exam_rooms.drawing import Box, drawing
from exam_rooms.seatmap import RoomKind, RoomMap, SeatKind
from server.rules.roomfile_writing import HEAD, rows_of
from server.services.paper_prints import content_mark
from server.services.rooms import RoomSummary, capacity

# What is printed is Chinese whatever language the screens speak.
_SEATS = {SeatKind.NORMAL: "", SeatKind.SPARE: "备用", SeatKind.BROKEN: "停用"}
_ROOMS = {RoomKind.STANDARD: "标准考场", RoomKind.SMART: "智能考场", RoomKind.PRACTICAL: "实操考场"}


def plan_data(
    plan: RoomMap, name: str, about: str, seats: Mapping[str, tuple[str, str]] | None = None
) -> dict[str, Any]:
    """The data of the plan's template; `seats`: number -> two lines, e.g. name and ticket."""
    drawn, said = drawing(plan), seats or {}
    kinds = {seat.number: SeatKind(seat.kind) for seat in plan.seats}
    cells = [
        {
            "number": cell.number,
            "name": said.get(cell.number, (_SEATS[kinds[cell.number]], ""))[0],
            "ticket": said.get(cell.number, ("", ""))[1],
            "free": cell.number not in said if said else kinds[cell.number] is not SeatKind.NORMAL,
            "box": _box(cell.box),
        }
        for cell in drawn.cells
    ]
    return {
        "name": name,
        "about": about,
        "size": {"width": drawn.width, "height": drawn.height},
        "cells": cells,
        "aisles": [{"x1": a.x1, "y1": a.y1, "x2": a.x2, "y2": a.y2} for a in drawn.aisles],
        "door": _box(drawn.door) if drawn.door else None,
        "desk": _box(drawn.desk) if drawn.desk else None,
        "screens": [_box(screen) for screen in drawn.screens],
        "lines": [],
    }


def plan_work(
    plan: RoomMap, findings: list[str], institution: str, *, now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """The payload of the typesetting job for a plan without candidates; `findings`: sentences under it."""
    cameras = {seat.number: (_SEATS[SeatKind(seat.kind)], seat.camera) for seat in plan.seats if seat.camera}
    counts = f"普通座位 {len(plan.normal)}　备用 {len(plan.spare)}　停用 {len(plan.broken)}"
    about = f"{_ROOMS[RoomKind(plan.kind)]}　{counts}{'　有隔板' if plan.partitioned else ''}"
    data = plan_data(plan, f"{plan.name} 座位图", about) | {"lines": [*_video(plan), *findings]}
    for cell in data["cells"]:
        cell["name"], cell["ticket"] = cameras.get(cell["number"], (cell["name"], ""))
    head = {
        "title": f"{plan.name} 座位图",
        "institution": institution,
        "place": plan.name,
        "printed": f"{now.astimezone(zone):%Y-%m-%d %H:%M}",
        "hash": content_mark(data),
    }
    paper = {"name": plan.name, "head": head, "data": data}
    return {"kind": "plan", "at": now.isoformat(), "papers": [paper], "copies": 1}


def capacity_work(
    found: list[RoomSummary], institution: str, *, now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """The payload for a site's capacity as filing asks for it: rooms by kind, single desks, each room."""
    rows = [[_ROOMS[RoomKind(row.kind)], row.name, row.seats, row.spare, row.broken] for row in found]
    kinds = [(_ROOMS[RoomKind(each.kind)], each) for each in capacity(found)]
    sums = [[kind, each.rooms, each.seats, each.spare, each.stations] for kind, each in kinds]
    data: dict[str, Any] = {"sums": sums, "rows": rows}
    head = {
        "title": "考场与机位容量表",
        "institution": institution,
        "place": "按座位图统计",
        "printed": f"{now.astimezone(zone):%Y-%m-%d %H:%M}",
        "hash": content_mark(data),
    }
    paper = {"name": "容量表", "head": head, "data": data}
    return {"kind": "capacity", "at": now.isoformat(), "papers": [paper], "copies": 1}


def sheet_work(plan: RoomMap) -> dict[str, Any]:
    """The payload of the job that writes the plan as a workbook which an import reads back."""
    head, *lines = rows_of(plan)
    keys = [str(place) for place in range(len(HEAD))]
    columns = [[key, str(title)] for key, title in zip(keys, head, strict=True)]
    rows = [{key: _cell(value) for key, value in zip(keys, line, strict=True)} for line in lines]
    return {"sheet": "考场", "head": [f"考场座位图：{plan.name}"], "columns": columns, "rows": rows}


def _cell(value: str | int | float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _video(plan: RoomMap) -> list[str]:
    return [f"监控 {each.name}：{'、'.join(each.covers) or '全考场'}" for each in plan.video]


def _box(box: Box) -> dict[str, float]:
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
