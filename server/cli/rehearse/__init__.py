"""`examhall rehearse`: a whole sitting with real agents and real sockets, counted by another process."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import click

from exam_rooms.seatmap import RoomKind
from server.cli.rehearse.cameras import Person, known_people
from server.cli.rehearse.crew import Crew, Names, dismiss, hire
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall, private_hall, running_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.report import Report
from server.cli.rehearse.staff import StaffRefused
from server.cli.rehearse.stage import Stage, Wish, fictional_people, staff_needed, stage_sitting
from server.cli.rehearse.staging import (
    Director,
    Recording,
    complete,
    consents,
    planned,
    recorded,
    window_of,
)
from server.cli.rehearse.telling import interruptible, tell, tell_step
from server.cli.words import _
from server.rules.roomfile import national_limits

MOST_SEATS = 120
FOLDER = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Order:
    """What to rehearse. `staged`: scenes are staged before four cameras of a smart room."""

    seats: int
    minutes: Decimal
    seed: str
    kind: RoomKind
    staged: bool

    @property
    def window(self) -> tuple[float, float] | None:
        """From when to when scenes may be staged, in seconds after the start."""
        return window_of(float(self.minutes) * 60) if self.staged else None


@click.command(help=_("演练：用真实的考试端程序在本机走完一整场考试，并核对一条不丢。"))
@click.option(
    "--seats", type=click.IntRange(1, MOST_SEATS), default=24, show_default=True, help=_("考生人数")
)
@click.option(
    "--minutes", type=click.FloatRange(0.25, 240), default=2.0, show_default=True, help=_("考试分钟数")
)
@click.option(
    "--room",
    type=click.Choice([str(kind) for kind in RoomKind]),
    default=str(RoomKind.SMART),
    show_default=True,
    help=_("考场类型：standard 标准考场，smart 智能考场（用录制的摄像头画面）"),
)
@click.option(
    "--staged/--no-staged", default=None, help=_("智能考场：在四个座位安排空椅、两人、换人、遮挡，默认安排")
)
@click.option(
    "--data", type=click.Path(path_type=Path), help=_("正在运行的服务器的数据文件夹；不给则自建临时服务器")
)
@click.option("--seed", default="1", show_default=True, help=_("组卷、编座和作答的种子"))
@click.option("--keep", type=click.Path(path_type=Path), help=_("保留临时服务器的文件夹（应为空）"))
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def rehearse(  # noqa: PLR0913 - one argument for each option
    seats: int,
    minutes: float,
    room: str,
    staged: bool | None,
    data: Path | None,
    seed: str,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Plays the sitting, prints the line, ends with 0 only when nothing was lost."""
    if data is not None and keep is not None:
        raise click.UsageError(_("--keep 只用于临时服务器。"))
    order = _order(seats, minutes, RoomKind(room), staged, seed)
    try:
        people = _people() if order.kind is RoomKind.SMART else ()
        with interruptible(), running_hall(data) if data else private_hall(keep) as hall:
            report = rehearsed(hall, order, people)
    except (FleetFault, StaffRefused) as fault:
        raise click.ClickException(str(fault)) from fault
    show(report, as_json)
    sys.exit(1 if report.faults() else 0)


def _people() -> Sequence[Person]:
    """Who can sit before cameras. Raises `FleetFault`, which says what can be rehearsed without them."""
    try:
        return known_people()
    except FleetFault as fault:
        hint = _("不用摄像头的标准考场可以用 --room standard 演练。")
        raise FleetFault(f"{fault}{hint}") from fault


def _order(seats: int, minutes: float, kind: RoomKind, staged: bool | None, seed: str) -> Order:
    """The options together. Raises `click.UsageError` for what does not go together."""
    most = national_limits().smart_max_seats if kind is RoomKind.SMART else MOST_SEATS
    if seats > most:
        raise click.UsageError(_("智能考场最多 %(most)d 个座位。", most=most))
    agreeing = [str(number) for number in range(1, seats + 1) if consents(number)]
    fits = kind is RoomKind.SMART and complete(planned(agreeing, seed, window_of(minutes * 60)))
    if staged and not fits:
        raise click.UsageError(_("--staged 需要智能考场、至少 4 名考生和 1 分钟。"))
    return Order(seats, Decimal(str(minutes)), seed, kind, fits if staged is None else staged)


def rehearsed(hall: Hall, order: Order, people: Sequence[Person]) -> Report:
    """A rehearsal in a hall, from hiring its staff to dismissing them; `people` sit before the cameras."""
    mark = f"{hall.host.now().astimezone():%m%d-%H%M%S}"
    crew = hire(hall.host, Names(f"reh-{mark}-", _("演练")), invigilators=staff_needed(order.seats))
    try:
        wish = Wish(
            title=_("演练 %(mark)s", mark=mark),
            entrants=fictional_people(order.seats),
            minutes=order.minutes,
            seed=order.seed,
            starts_in=timedelta(minutes=10),
            kind=order.kind,
        )
        staged = stage_sitting(hall.host, crew, wish, told=tell_step)
        director = _director(hall, crew, staged, order, people)
        tell(_("服务器：%(url)s", url=hall.address.url))
        hall.serve()
        with Play(hall, crew, staged, told=tell) as play:
            play.direct(director)
            play.prepare()
            play.seat_everybody()
            play.await_enrolments()
            play.start()
            play.run()
            play.finish()
            return play.report()
    finally:
        dismiss(hall.host, crew)


def _director(
    hall: Hall, crew: Crew, staged: Stage, order: Order, people: Sequence[Person]
) -> Director | None:
    """Recorded cameras for everybody in a smart room."""
    if order.kind is not RoomKind.SMART:
        return None
    entrants = tuple(enumerate(staged.entrants, 1))
    return recorded(hall, crew, staged, Recording(people, entrants, order.seed, order.window), tell)


def show(report: Report, as_json: bool) -> None:
    """The line, and what is wrong on standard error."""
    click.echo(json.dumps(report.to_json(), ensure_ascii=False))
    for fault in report.faults():
        tell(fault)
    if not as_json:
        tell(_("演练通过。") if not report.faults() else _("演练没有通过。"))
