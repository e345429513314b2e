"""`examhall models`: which networks look at camera pictures, and whether each can be used on this machine."""

import json
import sys
from pathlib import Path

import click

from proctoring import models as cameras
from server.cli.words import _

STATES = {
    "": _("可用"),
    cameras.MISSING: _("缺失"),
    cameras.WRONG_FILE: _("文件不符"),
    cameras.WRONG_ANSWER: _("结果不符"),
}
PURPOSES = {"detect": _("人脸检测"), "verify": _("人脸比对")}
CAVEATS = {
    "CenterFace": _("宽度小于约 10 像素的人脸找不到；需要 OpenCV 5。"),
    "MobileFaceNet": _(
        "权重出自 MS1M，即一个从网络收集、后来撤回的图片集；阈值用公开图片测得，使用前应在本地考生中试验。"
    ),
}
"""What a user of each model should know, for the screen; the manifest has it for the NOTICE."""
FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=_("模型文件所在的文件夹；不给则为程序自带的"),
)
JSON = click.option("--json", "as_json", is_flag=True, help=_("每个模型打印一行 JSON"))


@click.group(help=_("摄像头所用的模型。"))
def models() -> None:
    """The models of cameras."""


@models.command("list", help=_("列出每个模型的用途、版本、来源、许可证、大小和状态。"))
@FOLDER
@JSON
def listing(folder: Path | None, as_json: bool) -> None:
    """What there is; says nothing by its exit status."""
    for state in cameras.verify(folder):
        if as_json:
            click.echo(_as_json(state))
            continue
        card = state.card
        click.echo(_line(state))
        click.echo("  " + _("版本：%(version)s", version=card.version))
        click.echo("  " + _("来源：%(source)s", source=card.source))
        click.echo("  " + _("许可证：%(licence)s", licence=card.licence))
        click.echo("  " + _("大小：%(size)s MB", size=f"{state.size / 1e6:.1f}"))
        click.echo("  " + _("注意：%(caveat)s", caveat=CAVEATS.get(card.name, card.caveat)))


@models.command(help=_("检验每个模型的内容和已知结果；缺失或不符时退出状态为 1。"))
@FOLDER
@JSON
def verify(folder: Path | None, as_json: bool) -> None:
    """Hash and known answer of each, on this machine."""
    states = cameras.verify(folder)
    for state in states:
        click.echo(_as_json(state) if as_json else _line(state))
    if any(state.code for state in states):
        click.echo(
            _("监考页面会标明这些检查不可用。请重新安装，或删除 proctoring/weights 后运行 make setup。"),
            err=True,
        )
        sys.exit(1)


def _line(state: cameras.ModelState) -> str:
    return f"{state.card.name}\t{PURPOSES[state.card.purpose]}\t{STATES[state.code]}"


def _as_json(state: cameras.ModelState) -> str:
    card = state.card
    told = {"purpose": card.purpose, "name": card.name, "version": card.version, "source": card.source}
    told |= {"licence": card.licence, "caveat": card.caveat, "hash": card.content_hash}
    return json.dumps(
        {**told, "thresholds": dict(card.thresholds), "size": state.size, "state": state.code or "usable"},
        ensure_ascii=False,
    )
