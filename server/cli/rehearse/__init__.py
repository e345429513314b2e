"""`examhall rehearse`: a whole sitting with real agents and real sockets, counted by another process."""

import json
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import click

from server.cli.rehearse.crew import Names, dismiss, hire
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall, private_hall, running_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.report import Report
from server.cli.rehearse.staff import StaffRefused
from server.cli.rehearse.stage import Wish, fictional_people, staff_needed, stage_sitting
from server.cli.rehearse.telling import interruptible, tell, tell_step
from server.cli.words import _

MOST_SEATS = 120
FOLDER = click.Path(path_type=Path)


@click.command(help=_("演练：用真实的考试机程序在本机走完一整场考试，并核对一条不丢。"))
@click.option(
    "--seats", type=click.IntRange(1, MOST_SEATS), default=24, show_default=True, help=_("考生人数")
)
@click.option(
    "--minutes", type=click.FloatRange(0.25, 240), default=2.0, show_default=True, help=_("考试分钟数")
)
@click.option(
    "--data", type=click.Path(path_type=Path), help=_("正在运行的服务器的数据文件夹；不给则自建临时服务器")
)
@click.option("--seed", default="1", show_default=True, help=_("组卷、编座和作答的种子"))
@click.option("--keep", type=click.Path(path_type=Path), help=_("保留临时服务器的文件夹（应为空）"))
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def rehearse(  # noqa: PLR0913 - one argument for each option
    seats: int, minutes: float, data: Path | None, seed: str, keep: Path | None, as_json: bool
) -> None:
    """Plays the sitting, prints the line, ends with 0 only when nothing was lost."""
    if data is not None and keep is not None:
        raise click.UsageError(_("--keep 只用于临时服务器。"))
    try:
        with interruptible(), running_hall(data) if data else private_hall(keep) as hall:
            report = rehearsed(hall, seats, Decimal(str(minutes)), seed)
    except (FleetFault, StaffRefused) as fault:
        raise click.ClickException(str(fault)) from fault
    show(report, as_json)
    sys.exit(1 if report.faults() else 0)


def rehearsed(hall: Hall, seats: int, minutes: Decimal, seed: str) -> Report:
    """A rehearsal in a hall, from hiring its staff to dismissing them."""
    mark = f"{hall.host.now().astimezone():%m%d-%H%M%S}"
    crew = hire(hall.host, Names(f"reh-{mark}-", _("演练")), invigilators=staff_needed(seats))
    try:
        wish = Wish(
            title=_("演练 %(mark)s", mark=mark),
            entrants=fictional_people(seats),
            minutes=minutes,
            seed=seed,
            starts_in=timedelta(minutes=10),
        )
        staged = stage_sitting(hall.host, crew, wish, told=tell_step)
        tell(_("服务器：%(url)s", url=hall.address.url))
        hall.serve()
        with Play(hall, crew, staged, told=tell) as play:
            play.prepare()
            play.seat_everybody()
            play.start()
            play.run()
            play.finish()
            return play.report()
    finally:
        dismiss(hall.host, crew)


def show(report: Report, as_json: bool) -> None:
    """The line, and what is wrong on standard error."""
    click.echo(json.dumps(report.to_json(), ensure_ascii=False))
    for fault in report.faults():
        tell(fault)
    if not as_json:
        tell(_("演练通过。") if not report.faults() else _("演练没有通过。"))
