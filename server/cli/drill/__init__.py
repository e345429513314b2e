"""`examhall drill ...`: breaks a private exam room on purpose and counts what that did."""

import json
import sys
from pathlib import Path

import click

from server.cli.words import _

MOST_SEATS = 60
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(help=_("故障演练：在自建的临时考场里故意制造故障，并核对后果。"))
def drill() -> None:
    """Groups the drills."""


@drill.command(help=_("断网、断电、磁盘满、换座……之后核对作答：已确认的一条不丢、一条不重。"))
@click.option("--rounds", type=click.IntRange(1, 10_000), default=20, show_default=True, help=_("故障轮数"))
@click.option("--seats", type=click.IntRange(2, MOST_SEATS), default=8, show_default=True, help=_("考生人数"))
@click.option("--seed", default="1", show_default=True, help=_("故障顺序和作答的种子"))
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def answers(rounds: int, seats: int, seed: str, as_json: bool) -> None:
    """`drill faults` on SQLite with the faults that a small room knows; prints the line."""
    from server.cli.drill.room import Order
    from server.cli.drill.telling import ANSWERS, run, show
    from server.cli.rehearse.telling import tell

    report = run(Order(rounds, seats, seed, tell, ANSWERS))
    show(report, report.to_json(), as_json)


@drill.command(
    help=_("随机的故障：服务器、进程、数据库、考试机、链路、磁盘、时钟；核对已确认的作答一条不丢。")
)
@click.option("--rounds", type=click.IntRange(1, 10_000), default=60, show_default=True, help=_("故障轮数"))
@click.option(
    "--store",
    type=click.Choice(["sqlite", "postgres"]),
    default="sqlite",
    show_default=True,
    help=_("数据库：SQLite，或自建的临时 PostgreSQL"),
)
@click.option("--workers", type=click.IntRange(1, 16), help=_("服务器进程数；PostgreSQL 默认 2"))
@click.option(
    "--seats", type=click.IntRange(2, MOST_SEATS), default=16, show_default=True, help=_("考生人数")
)
@click.option("--seed", default="1", show_default=True, help=_("故障顺序和作答的种子"))
@click.option(
    "--takeovers",
    type=click.IntRange(0, 1000),
    help=_("备用服务器接管的次数，各在一个 4 座的考场；默认每 50 轮一次"),
)
@click.option("--append", "sums", type=FILE, help=_("把结果加到这个文件里同一数据库的历次结果上"))
@click.option("--logs", type=FOLDER, help=_("结束后把各进程的日志复制到这个文件夹"))
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def faults(  # noqa: PLR0913 - one argument for each option
    rounds: int,
    store: str,
    workers: int | None,
    seats: int,
    seed: str,
    takeovers: int | None,
    sums: Path | None,
    logs: Path | None,
    as_json: bool,
) -> None:
    """Plays the rounds, prints the line, ends with 0 only when nothing was lost and everybody came back."""
    from server.cli.drill.room import Order
    from server.cli.drill.takeover import EACH_ROUNDS
    from server.cli.drill.telling import added, kinds_of, readable, run, show
    from server.cli.rehearse.telling import tell

    crew = workers or (2 if store == "postgres" else 1)
    readable(sums)
    often = rounds // EACH_ROUNDS if takeovers is None else takeovers
    report = run(Order(rounds, seats, seed, tell, kinds_of(store, crew), store, crew, logs, often))
    show(report, report.to_json() | added(sums, report), as_json)


@drill.command(help=_("摄像头检测：在自建的临时考场里逐一安排情形，核对每种情形恰好在其座位提示一次。"))
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=_("真实照片的文件夹（内有 index.csv）；不给则用样例照片合成"),
)
@click.option(
    "--models",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=_("另行安装的模型所在的文件夹"),
)
@click.option("--only", multiple=True, metavar="NAME", help=_("只演练这些情形，可写多次"))
@click.option(
    "--quiet",
    "quiet_looks",
    type=click.IntRange(0, 100_000),
    default=1800,
    show_default=True,
    help=_("平静时段的画面数"),
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help=_("画面的种子"))
@click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
def proctoring(  # noqa: PLR0913 - one argument for each option
    photos: Path | None,
    models: Path | None,
    only: tuple[str, ...],
    quiet_looks: int,
    seed: int,
    as_json: bool,
) -> None:
    """Plays the sequences, prints the line, ends with 0 only when nothing was missed or came in excess."""
    from server.cli.drill.desk import DrillStuck
    from server.cli.drill.photo_people import photographed
    from server.cli.drill.proctoring import Order, drilled
    from server.cli.rehearse.cameras import known_people
    from server.cli.rehearse.fleet import FleetFault
    from server.cli.rehearse.staff import StaffRefused
    from server.cli.rehearse.telling import interruptible, tell

    try:
        with interruptible():
            people, nobody = photographed(photos) if photos else (known_people(), ())
            report = drilled(Order(people, tell, nobody, seed, only, quiet_looks, models))
    except (DrillStuck, FleetFault, StaffRefused) as fault:
        raise click.ClickException(str(fault)) from fault
    click.echo(json.dumps(report.to_json(), ensure_ascii=False))
    if not as_json:
        tell(_("每种情形都恰好提示一次。") if report.whole else _("有情形漏报、多报或没有送达。"))
    sys.exit(0 if report.whole else 1)
