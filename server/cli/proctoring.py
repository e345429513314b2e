"""`examhall proctoring replay`: kept looks of a room folded again, also with other settings.

`report` and `trial` have modules of their own.
"""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from exam_rooms.watching import WatchRules
from server.cli.opening import opened
from server.cli.persons import at_the_console
from server.cli.problems import problem_text
from server.cli.proctoring_report import report
from server.cli.proctoring_trial import trial
from server.cli.words import _
from server.rules.policy_watching import changed
from server.services import look_replay
from server.services.look_replay import SeatReplay


@click.group(help=_("摄像头监考：统计、试验、按别的设定重算。"))
def proctoring() -> None:
    """What cameras saw, looked at once more."""


@proctoring.command(
    help=_(
        "用保存的检测记录重算一个考场场次的提示，与当时实际发出的并列；只在审计中记下这次查看，不改动其他记录。"
    )
)
@click.argument("room_sitting", type=int)
@click.option("--seat", default="", help=_("只算一个座位号"))
@click.option(
    "--watching",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=_("YAML 文件：政策中 watching 一节，只写要改的项"),
)
@click.option("--json", "as_json", is_flag=True)
def replay(room_sitting: int, seat: str, watching: Path | None, as_json: bool) -> None:
    """Looks that were never made cannot be replayed: such kinds are named as blind."""
    with opened(writes=False) as host:
        with host.db.read() as session:
            rules = look_replay.rules_here(session, room_sitting)
            if watching is not None:
                rules = _changed(rules, watching)
            seats = look_replay.replayed(session, room_sitting, rules, seat)
        host.db.write(
            look_replay.note_replay,
            at_the_console(),
            room_sitting,
            seat=seat,
            changed=watching is not None,
            attempts=len(seats),
            now=host.now(),
        )
    click.echo(json.dumps(_report(room_sitting, seats), ensure_ascii=False) if as_json else _table(seats))


proctoring.add_command(report)
proctoring.add_command(trial)


def _changed(rules: WatchRules, file: Path) -> WatchRules:
    made = changed(rules, file.read_text(encoding="utf-8"))
    if isinstance(made, list):
        raise click.ClickException("\n".join(problem_text(problem) for problem in made))
    return made


def _report(room_sitting: int, seats: list[SeatReplay]) -> dict[str, Any]:
    raised, would = _totals(seats)
    return {
        "room_sitting": room_sitting,
        "looks": sum(each.looks for each in seats),
        "kinds": {kind: {"raised": raised[kind], "would": would[kind]} for kind in sorted(raised | would)},
        "seats": [
            {
                "seat": each.seat,
                "attempt": each.attempt,
                "looks": each.looks,
                "kinds": {kind: asdict(counts) for kind, counts in each.kinds.items()},
                "episodes": [
                    {**asdict(one), "since": one.since.isoformat(), "scores": dict(one.scores)}
                    for one in each.episodes
                ],
                "blind": list(each.blind),
            }
            for each in seats
        ],
    }


def _totals(seats: list[SeatReplay]) -> tuple[Counter[str], Counter[str]]:
    raised, would = Counter[str](), Counter[str]()
    for each in seats:
        for kind, counts in each.kinds.items():
            raised[kind] += counts.raised
            would[kind] += counts.would
    return raised, would


def _table(seats: list[SeatReplay]) -> str:
    if not seats:
        return _("没有保存的检测记录。")
    lines = ["\t".join((_("座位"), _("情形"), _("当时"), _("重算")))]
    for each in seats:
        for kind, counts in each.kinds.items():
            lines.append(f"{each.seat}\t{kind}\t{counts.raised}\t{counts.would}")
    raised, would = _totals(seats)
    lines += [f"{_('合计')}\t{kind}\t{raised[kind]}\t{would[kind]}" for kind in sorted(raised | would)]
    blind = sorted({kind for each in seats for kind in each.blind})
    if blind:
        lines.append(_("当时没有检查、无法重算：%(kinds)s", kinds="、".join(blind)))
    return "\n".join(lines)
