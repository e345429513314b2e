"""`examhall bench ...`: loads a private server as an exam would and prints what it took."""

import json
import sys
from collections.abc import Callable
from typing import Any, Protocol

import click

from server.cli.words import _

MOST_SEATS = 5_000


@click.group(help=_("负载测试：在自建的临时服务器上按考试的样子加压，打印用时和资源。"))
def bench() -> None:
    """Groups the benches."""


class Found(Protocol):
    """What a bench found; `complete` when nothing that was asked for is missing."""

    @property
    def complete(self) -> bool: ...

    def to_json(self) -> dict[str, Any]: ...

    def in_words(self) -> str: ...


def _played(measured: Callable[[Callable[[str], None]], Found], as_json: bool) -> None:
    """Runs a bench with a server of its own, which a person may interrupt; ends the command."""
    from server.cli.rehearse.fleet import FleetFault
    from server.cli.rehearse.staff import StaffRefused
    from server.cli.rehearse.telling import interruptible, tell

    try:
        with interruptible():
            found = measured(tell)
    except (FleetFault, StaffRefused) as fault:
        raise click.ClickException(str(fault)) from fault
    _ended(found, as_json)


def _ended(found: Found, as_json: bool) -> None:
    """Prints what was found; status 0 only when it is complete."""
    from server.cli.rehearse.telling import tell

    click.echo(json.dumps(found.to_json(), ensure_ascii=False))
    if not as_json:
        tell(found.in_words())
    sys.exit(0 if found.complete else 1)


@bench.command(help=_("开考风暴：全部考试机在同一秒拿到密钥并启封试卷，与开考时才下载的做法对照。"))
@click.option("--seats", type=click.IntRange(2, MOST_SEATS), default=1000, show_default=True)
@click.option("--tls/--plain", default=True, show_default=True, help=_("考试机与服务器之间是否加密"))
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def storm(seats: int, tls: bool, as_json: bool) -> None:
    """Plays both starts and prints the line; ends with 0 only when every seat opened its paper."""
    from server.cli.bench.storm import Order, stormed

    _played(lambda tell: stormed(Order(seats, tls, tell)), as_json)


@bench.command(
    help=_("准考证：按考试当天的方式排版带照片的准考证，打印用时和内存，与不带照片的同样页数对照。")
)
@click.option("--tickets", type=click.IntRange(1, 10_000), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def documents(tickets: int, as_json: bool) -> None:
    """Sets the tickets with and without photos and prints both costs."""
    from server.cli.bench.tickets import measured
    from server.cli.rehearse.telling import tell

    found = measured(tickets)
    click.echo(json.dumps(found.to_json(), ensure_ascii=False))
    if not as_json:
        tell(found.in_words())


@bench.command(help=_("监控屏：座位上的变化多久出现在屏幕上，与每 2 秒刷新一次的页面对照。"))
@click.option("--seats", type=click.IntRange(2, MOST_SEATS), default=1000, show_default=True)
@click.option("--monitors", type=click.IntRange(1, 200), default=20, show_default=True)
@click.option("--tls/--plain", default=True, show_default=True, help=_("考试机与服务器之间是否加密"))
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=20.0, show_default=True, help=_("每种看法各看多少秒")
)
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def monitor(seats: int, monitors: int, tls: bool, seconds: float, as_json: bool) -> None:
    """Plays answers before monitors and pages; ends with 0 only when every monitor showed every answer."""
    from server.cli.bench.monitor import Order, measured

    _played(lambda tell: measured(Order(seats, monitors, tls, seconds, tell)), as_json)


@bench.command(
    "room-camera", help=_("考场摄像头：在模拟考场里把人头对到座位上，打印对准的比例，与较粗的做法对照。")
)
@click.option("--looks", type=click.IntRange(20, 20_000), default=400, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def room_camera(looks: int, seed: int, as_json: bool) -> None:
    """Plays the halls; ends with 0 only when every one reaches what is asked."""
    from server.cli.bench.room_camera import measured

    _ended(measured(looks, seed), as_json)


@bench.command(help=_("考评平板：考评员同时逐项评分，含重发和断线，核对服务器上一条不少，打印保存用时。"))
@click.option("--examiners", type=click.IntRange(3, 600), default=60, show_default=True)
@click.option(
    "--candidates", type=click.IntRange(1, 50), default=2, show_default=True, help=_("每组考评几名考生")
)
@click.option(
    "--gap",
    type=click.FloatRange(0, 60),
    default=2.0,
    show_default=True,
    help=_("每名考评员两次点按平均相隔几秒"),
)
@click.option("--tls/--plain", default=True, show_default=True, help=_("平板与服务器之间是否加密"))
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def scoring(examiners: int, candidates: int, gap: float, tls: bool, as_json: bool) -> None:
    """Plays the tablets; ends with 0 only when no mark was lost and every sheet was locked."""
    from server.cli.bench.scoring import Order, measured

    _played(lambda tell: measured(Order(examiners, candidates, gap, tls, tell)), as_json)
