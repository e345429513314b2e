"""`examhall bench saves | submit | logins | frames | seats | soak`: what one machine carries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from server.cli.bench.options import (
    Command,
    ended,
    number_option,
    played,
    ran,
    seats_option,
    shape_of,
    shaped,
)
from server.cli.words import _

REGIMES = ("paced", "saturated", "closed", "savers")


def _seconds(default: float) -> Callable[[Command], Command]:
    limit = click.FloatRange(0.5, 3600)
    return number_option("--seconds", limit, default)


@click.command(
    help=_("保存答案：每次保存用多少处理器时间、多快，与同样可靠的最小程序（下限）对照，并逐条核对。")
)
@click.option(
    "--regime",
    type=click.Choice(REGIMES),
    default="paced",
    show_default=True,
    help=_("paced 按考试节奏；saturated 压满；closed 一台考试机答完一题接一题；savers 全部同时保存"),
)
@number_option("--rate", click.FloatRange(1, 20_000), 400.0, _("paced：每秒保存几次"))
@number_option("--savers", click.IntRange(1, 5_000), 500, _("savers：几台考试机同时保存"))
@seats_option(None, 1)
@_seconds(10.0)
@shaped
def saves(regime: str, rate: float, savers: int, seats: int | None, **shared: Any) -> None:  # noqa: ANN401
    """Plays one regime against server and floor; ends with 0 only when nothing acknowledged is missing."""
    from server.cli.bench.saves import SAVERS, SEATS, Order, measured

    wanted = seats or (savers if regime == SAVERS else SEATS[regime])
    shape, seconds = shape_of(wanted, shared), shared["seconds"]
    played(lambda tell: measured(Order(shape, regime, rate, seconds, tell)), shared["as_json"])


@click.command(help=_("交卷：每名考生 100 题，从最后一条记录到签名的回执，与下限对照；另测阅卷用时。"))
@seats_option(200)
@shaped
def submit(seats: int, **shared: Any) -> None:  # noqa: ANN401
    """Everybody hands in; ends with 0 only when every candidate has a receipt."""
    from server.cli.bench.submit import Order, measured

    played(lambda tell: measured(Order(shape_of(seats, shared), tell)), shared["as_json"])


@click.command(help=_("登录：每名考生从会话到看到第一题用多少处理器时间，逐个步骤，与下限对照。"))
@seats_option(200)
@shaped
def logins(seats: int, **shared: Any) -> None:  # noqa: ANN401
    """Everybody signs in; ends with 0 only when the store holds every candidate at the paper."""
    from server.cli.bench.logins import Order, measured

    played(lambda tell: measured(Order(shape_of(seats, shared), tell)), shared["as_json"])


@click.command(help=_("图片：接收一幅 30 KB 图片的代价，以及保存答案会不会排在图片后面。"))
@seats_option(200)
@number_option("--rate", click.FloatRange(1, 20_000), 100.0, _("每秒保存几次"))
@number_option("--frames-rate", click.FloatRange(1, 2_000), 50.0, _("每秒几幅图片"))
@_seconds(10.0)
@shaped
def frames(seats: int, rate: float, frames_rate: float, **shared: Any) -> None:  # noqa: ANN401
    """Saves alone, beside pictures and in a flood; ends with 0 only when nothing is missing."""
    from server.cli.bench.frames import Order, measured

    shape, seconds = shape_of(seats, shared), shared["seconds"]
    played(lambda tell: measured(Order(shape, rate, frames_rate, seconds, tell)), shared["as_json"])


@click.command(help=_("座位：越来越多的考试机只是连着，每座位每秒用多少处理器时间、占多少内存。"))
@seats_option(5_000, name="--upto")
@_seconds(20.0)
@number_option("--pause", click.FloatRange(0, 10), 0.02, _("相邻两台考试机开机相隔几秒"))
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help=_("把结果画成 SVG 文件"),
)
@shaped
def seats(seats: int, pause: float, plot: Path | None, **shared: Any) -> None:  # noqa: ANN401
    """More and more seats on one server; ends with 0 only when all were linked at every step."""
    from server.cli.bench.seats import Order, measured

    shape, seconds = shape_of(seats, shared), shared["seconds"]
    found = ran(lambda tell: measured(Order(shape, seconds, pause, tell)))
    if plot is not None:
        plot.write_text(found.plot(), "utf-8")
    ended(found, shared["as_json"])


@click.command(help=_("长跑：加快节奏走完整场考试，看内存和延迟会不会一直增长，打印斜率。"))
@seats_option(1_000)
@number_option("--minutes", click.FloatRange(0.05, 600), 10.0)
@shaped
def soak(seats: int, minutes: float, **shared: Any) -> None:  # noqa: ANN401
    """A whole exam; ends with 0 only when everybody handed in and nothing grows beyond its bound."""
    from server.cli.bench.soak import Order, measured

    played(lambda tell: measured(Order(shape_of(seats, shared), minutes, tell)), shared["as_json"])


COMMANDS = (saves, submit, logins, frames, seats, soak)
