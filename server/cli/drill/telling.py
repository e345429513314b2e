"""What the commands of a drill of answers share: its faults, its run, its line and the sum of all runs."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from server.cli.drill import sums
from server.cli.drill.desk import DrillStuck
from server.cli.drill.drilling import Report
from server.cli.drill.faults import SEAT_FAULTS
from server.cli.drill.room import Order
from server.cli.drill.room_faults import NEEDS, ROOM_FAULTS
from server.cli.drill.schedule import Kinds
from server.cli.drill.takeover import drilled_whole
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import POSTGRES, REDIS
from server.cli.rehearse.staff import StaffRefused
from server.cli.rehearse.telling import interruptible, tell
from server.cli.words import _

ANSWERS = Kinds(
    tuple(name for name in SEAT_FAULTS if name != "link_lossy"),
    ("server_kill", "clock_jump"),
)
"""What `drill answers` tries."""


def kinds_of(store: str, workers: int) -> Kinds:
    """Every fault that a room with this store and so many workers can have."""
    there = {name for name, here in ((POSTGRES, store == POSTGRES), (REDIS, workers > 1)) if here}
    return Kinds(
        tuple(SEAT_FAULTS), tuple(name for name in ROOM_FAULTS if name not in NEEDS or NEEDS[name] in there)
    )


def run(order: Order) -> Report:
    """The drill; what stops it becomes a message. Raises `click.ClickException` and `Refused`."""
    try:
        with interruptible():
            return drilled_whole(order)
    except (DrillStuck, FleetFault, StaffRefused) as fault:
        raise click.ClickException(str(fault)) from fault


def readable(file: Path | None) -> None:
    """Looks at the file of sums before hours of work. Raises `click.ClickException`."""
    if file is None:
        return
    if not file.absolute().parent.is_dir():
        raise click.ClickException(_("没有这个文件夹：%(path)s", path=file.absolute().parent))
    try:
        sums.read(file)
    except sums.SumBroken as fault:
        raise click.ClickException(_("累计文件已损坏：%(fault)s", fault=fault)) from fault


def added(file: Path | None, report: Report) -> dict[str, Any]:
    """The run added to the file: {"sum": all runs of its store}, nothing without a file."""
    if file is None:
        return {}
    try:
        return {"sum": sums.append(file, report.order.store, report.found).to_json()}
    except (sums.SumBroken, OSError) as fault:
        tell(_("累计文件没有写成：%(fault)s", fault=fault))
        return {}


def show(report: Report, line: Mapping[str, Any], as_json: bool) -> None:
    """Prints the line and ends the command, with 0 only when the drill was whole."""
    click.echo(json.dumps(line, ensure_ascii=False))
    if not as_json:
        tell(_("没有丢失。") if report.whole else _("有作答丢失、重复、校验不符，或座位没有恢复。"))
    sys.exit(0 if report.whole else 1)
