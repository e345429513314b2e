"""`examhall bench ...`: loads a private server as an exam would and prints what it took."""

import json
from typing import Any

import click

from server.cli.bench import scale
from server.cli.bench.options import (
    AS_JSON,
    STORE,
    TLS,
    ended,
    number_option,
    played,
    seats_option,
    shape_of,
    shaped,
)
from server.cli.words import _


@click.group(help=_("负载测试：在自建的临时服务器上按考试的样子加压，打印用时和资源。"))
def bench() -> None:
    """Groups the benches."""


for command in scale.COMMANDS:
    bench.add_command(command)


@bench.command(help=_("开考风暴：全部考试机在同一秒拿到密钥并启封试卷，与开考时才下载的做法对照。"))
@seats_option(1000)
@shaped
def storm(seats: int, **shared: Any) -> None:  # noqa: ANN401
    """Plays both starts and prints the line; ends with 0 only when every seat opened its paper."""
    from server.cli.bench.storm import Order, stormed

    played(lambda tell: stormed(Order(shape_of(seats, shared), tell)), shared["as_json"])


@bench.command(
    help=_("准考证：按考试当天的方式排版带照片的准考证，打印用时和内存，与不带照片的同样页数对照。")
)
@number_option("--tickets", click.IntRange(1, 10_000), 1000)
@AS_JSON
def documents(tickets: int, as_json: bool) -> None:
    """Sets the tickets with and without photos and prints both costs."""
    from server.cli.bench.tickets import measured
    from server.cli.rehearse.telling import tell

    found = measured(tickets)
    click.echo(json.dumps(found.to_json(), ensure_ascii=False))
    if not as_json:
        tell(found.in_words())


@bench.command(help=_("监控屏：座位上的变化多久出现在屏幕上，与每 2 秒刷新一次的页面对照。"))
@seats_option(1000)
@number_option("--monitors", click.IntRange(1, 200), 50)
@number_option("--seconds", click.FloatRange(1, 600), 20.0, _("每种看法各看多少秒"))
@shaped
def monitor(seats: int, monitors: int, seconds: float, **shared: Any) -> None:  # noqa: ANN401
    """Plays answers before monitors and pages; ends with 0 only when every monitor showed every answer."""
    from server.cli.bench.monitor import Order, measured

    shape = shape_of(seats, shared)
    played(lambda tell: measured(Order(shape, monitors, seconds, tell)), shared["as_json"])


@bench.command(
    "room-camera", help=_("考场摄像头：在模拟考场里把人头对到座位上，打印对准的比例，与较粗的做法对照。")
)
@number_option("--looks", click.IntRange(20, 20_000), 400)
@click.option("--seed", type=int, default=1, show_default=True)
@AS_JSON
def room_camera(looks: int, seed: int, as_json: bool) -> None:
    """Plays the halls; ends with 0 only when every one reaches what is asked."""
    from server.cli.bench.room_camera import measured

    ended(measured(looks, seed), as_json)


@bench.command(help=_("考评平板：考评员同时逐项评分，含重发和断线，核对服务器上一条不少，打印保存用时。"))
@number_option("--examiners", click.IntRange(3, 600), 60)
@number_option("--candidates", click.IntRange(1, 50), 2, _("每组考评几名考生"))
@number_option("--gap", click.FloatRange(0, 60), 2.0, _("每名考评员两次点按平均相隔几秒"))
@click.option("--tls/--plain", default=True, show_default=True, help=_("平板与服务器之间是否加密"))
@AS_JSON
def scoring(examiners: int, candidates: int, gap: float, tls: bool, as_json: bool) -> None:
    """Plays the tablets; ends with 0 only when no mark was lost and every sheet was locked."""
    from server.cli.bench.scoring import Order, measured

    played(lambda tell: measured(Order(examiners, candidates, gap, tls, tell)), as_json)


@bench.command(help=_("机构：向许多考点下发场次并收回答卷，打印每个考点的 CPU、字节和全部用时。"))
@number_option("--sites", click.IntRange(1, 20_000), 2000)
@number_option("--candidates", click.IntRange(1, 500), 50)
@number_option("--items", click.IntRange(10, 500), 100)
@number_option("--window", click.FloatRange(0.0), 0.0, _("全部考点在多少秒内先后联络"))
@STORE
@TLS
@AS_JSON
def authority(  # noqa: PLR0913 - options of a command
    sites: int, candidates: int, items: int, window: float, store: str, tls: bool, as_json: bool
) -> None:
    """Plays every site once; ends with 0 only when all results are in, once."""
    from server.cli.bench.authority import Order, measured
    from server.cli.bench.province import Size

    order = (sites, Size(candidates, items), store)
    played(lambda tell: measured(Order(*order, tell, window, tls)), as_json)
