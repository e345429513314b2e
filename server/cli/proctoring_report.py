"""`examhall proctoring report`: how the cameras of a room, a batch or the site did; the page's figures."""

import json
from dataclasses import asdict
from typing import Any

import click

from proctoring.measure import Rate
from proctoring.watched import SeatTime
from server.cli.opening import opened
from server.cli.words import _
from server.services import proctoring_measures as measures
from server.services.muting import Muted
from server.services.proctoring_measures import CheckLine, Measures, RoomMeasures
from server.web.camera_words import INCIDENTS


@click.command(help=_("摄像头各项检查的提示、核实结果与看不见的时间；不给参数则为全部已开考的考场。"))
@click.option("--sitting", type=int, help=_("考场场次编号（网址 /sittings/ 后的数字）"))
@click.option("--batch", type=int, help=_("批次编号"))
@click.option("--json", "as_json", is_flag=True)
def report(sitting: int | None, batch: int | None, as_json: bool) -> None:
    """Reads only; names no candidate."""
    if sitting is not None and batch is not None:
        raise click.UsageError(_("--sitting 与 --batch 只能给一个。"))
    with opened(writes=False) as host, host.db.read() as session:
        now = host.now()
        if sitting is not None:
            found = measures.of_room(session, sitting, now=now)
        else:
            every = batch is None
            rooms = measures.rooms_begun(session) if every else measures.rooms_of_batch(session, batch or 0)
            found = measures.of_rooms(session, rooms, now=now)
    click.echo(json.dumps(plain(found), ensure_ascii=False) if as_json else table(found))


def plain(found: Measures) -> dict[str, Any]:
    """The figures as JSON values; seconds and shares unrounded enough to be added up again."""
    return {
        "rooms": [_room(room) for room in found.rooms],
        "checks": [_check(line) for line in found.checks],
        "time": _time(found.time),
        "captures": asdict(found.captures),
    }


def table(found: Measures) -> str:
    """The same for people: all rooms together, then each."""
    if not found.rooms:
        return _("还没有已开考的考场。")
    parts = [_block(_("合计"), found.checks, found.time)] if len(found.rooms) > 1 else []
    parts += [_block(f"{room.batch} {room.room}", room.checks, room.time) for room in found.rooms]
    return "\n\n".join(parts)


def _room(room: RoomMeasures) -> dict[str, Any]:
    return {
        "room_sitting": room.room_sitting,
        "room": room.room,
        "batch": room.batch,
        "sitting": room.sitting,
        "starts_at": room.starts_at.isoformat(),
        "smart": room.smart,
        "checks": [_check(line) for line in room.checks],
        "seats": [{"seat": line.seat, **_time(line.time)} for line in room.seats],
        "time": _time(room.time),
        "captures": asdict(room.captures),
    }


def _check(line: CheckLine) -> dict[str, Any]:
    one = line.figures
    return {
        **asdict(one),
        "hours": None if one.hours is None else round(one.hours, 4),
        "per_hour": None if one.per_hour is None else round(one.per_hour, 4),
        "reviewed": one.reviewed,
        "false_alarms": _rate(one.false_alarms),
        "target": line.target,
        "above_target": line.above,
        "muted_now": line.silent,
        "mutings": [_muted(each) for each in line.muted],
    }


def _rate(rate: Rate | None) -> dict[str, float] | None:
    return None if rate is None else {name: round(value, 4) for name, value in asdict(rate).items()}


def _muted(each: Muted) -> dict[str, Any]:
    return {
        "at": each.muted_at.isoformat(),
        "false_alarms": _rate(each.rate),
        "target": each.target,
        "lifted_at": each.lifted_at.isoformat() if each.lifted_at else None,
    }


def _time(time: SeatTime) -> dict[str, Any]:
    return {
        "work_seconds": round(time.work, 1),
        "watched_seconds": round(time.watched, 1),
        "manual_seconds": round(time.manual, 1),
        "unavailable_seconds": round(time.unavailable, 1),
        "unavailable": {reason: round(seconds, 1) for reason, seconds in time.blind.items()},
        "missing_models": {name: round(seconds, 1) for name, seconds in time.missing.items()},
    }


def _block(title: str, checks: tuple[CheckLine, ...], time: SeatTime) -> str:
    head = (_("检查"), _("座时"), _("提示数"), _("属实"), _("不属实"), _("误报率"), _("状态"))
    lines = [title, "\t".join(head)]
    for line in checks:
        one = line.figures
        cells = (
            _(INCIDENTS.get(one.kind, one.kind)),
            "—" if one.hours is None else f"{one.hours:.2f}",
            str(one.flags),
            str(one.confirmed),
            str(one.dismissed),
            _share(one.false_alarms),
            _("只记录") if line.silent else _("高于目标") if line.above else "",
        )
        lines.append("\t".join(cells))
    told = {"watched": f"{time.watched / 3600:.2f}", "work": f"{time.work / 3600:.2f}"}
    told |= {"blind": f"{time.unavailable / 3600:.2f}", "manual": f"{time.manual / 3600:.2f}"}
    lines.append(_("作答 %(work)s 座时，观察 %(watched)s，看不见 %(blind)s，人工核验 %(manual)s", **told))
    return "\n".join(lines)


def _share(rate: Rate | None) -> str:
    return "—" if rate is None else f"{rate.share:.0%} ({rate.low:.0%}–{rate.high:.0%})"
