"""`examhall models`: which networks look at camera pictures, if each can be used here; further ones."""

import json
import sys
from pathlib import Path

import click

from proctoring import model_installing as installing
from proctoring import models as cameras
from proctoring.model_cards import REGISTRY, ManifestFault, folder_cards
from proctoring.model_installing import InstallFault
from server.cli.words import _
from server.errors import fill
from server.settings import Settings

STATES = {
    "": _("可用"),
    cameras.MISSING: _("缺失"),
    cameras.WRONG_FILE: _("文件不符"),
    cameras.WRONG_ANSWER: _("结果不符"),
}
NOT_INSTALLED = _("未安装")
PURPOSES = {
    "detect": _("人脸检测"),
    "verify": _("人脸比对"),
    "mesh": _("头部姿态"),
    "iris": _("视线"),
    "liveness": _("活体检测"),
    "objects": _("手机和书本"),
}
CAVEATS = {
    "CenterFace": _("宽度小于约 10 像素的人脸找不到；需要 OpenCV 5。"),
    "MobileFaceNet": _(
        "权重出自 MS1M，即一个从网络收集、后来撤回的图片集；阈值用公开图片测得，使用前应在本地考生中试验。"
    ),
    "FaceMesh": _("一次看一张人脸；人脸大半被遮挡或在画面外时，各点只是推测。"),
    "Iris": _("眼镜反光会误导它。"),
    "MiniFASNet-V2": _("只用少量冒充手法试验过：仅供参考，不是证据；不用于过暗的画面。"),
    "MiniFASNet-V1SE": _("只用少量冒充手法试验过：仅供参考，不是证据；不用于过暗的画面。"),
    "NanoDet-m": _("约能找到一半的手机，偶尔把别的东西当作手机：仅供监考员参考。"),
    "NanoDet-g": _("约能找到一半的手机，偶尔把别的东西当作手机：仅供监考员参考。"),
    "YuNet-n": _("比 CenterFace 快得多，较小的人脸找得更全；过暗时会漏掉一些，偶尔把别的东西当作人脸。"),
    "YuNet-s": _("比 CenterFace 快得多；过暗时会漏掉一些人脸，偶尔把别的东西当作人脸。"),
}
"""What a user of each model should know, for the screen; the manifest has it for the NOTICE."""
FAULTS = {
    "models_source": _("文件夹 %(thing)s 无法读取：%(reason)s"),
    "models_folder": _("模型文件夹 %(thing)s 无法写入：%(reason)s"),
    "model_manifest": _("清单中的 %(thing)s 不能用：%(reason)s"),
    "model_other_file": _("%(thing)s 的文件名属于模型 %(reason)s，内容却不是该模型。"),
    "model_not_there": _("清单中的模型 %(reason)s 没有相符的文件（应为 %(thing)s）。"),
    "model_none_known": _("文件夹 %(thing)s 中没有已知的模型。"),
    "model_unreadable": _("%(thing)s 无法读取：%(reason)s"),
    "model_wrong_answer": _("%(thing)s 在这台机器上算不出应有的结果（%(reason)s）。"),
    "model_not_installed": _("没有安装名为 %(thing)s 的模型。"),
}
"""Why nothing was installed or removed."""


def _given(_context: click.Context, _option: click.Parameter, folder: Path | None) -> cameras.Folder:
    return folder or cameras.places(Settings.of_process().models)


FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    callback=_given,
    help=_("只用这个文件夹中的模型；不给则为已安装的和程序自带的"),
)
TARGET = click.option(
    "--to", "target", type=click.Path(path_type=Path), help=_("安装到哪个文件夹；不给则按 EXAMHALL_MODELS")
)
JSON = click.option("--json", "as_json", is_flag=True, help=_("每个模型打印一行 JSON"))


@click.group(help=_("摄像头所用的模型。"))
def models() -> None:
    """The models of cameras."""


@models.command("list", help=_("列出每个模型的用途、版本、来源、许可证、大小和状态。"))
@FOLDER
@JSON
def listing(folder: cameras.Folder, as_json: bool) -> None:
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
        if state.place is not None:
            click.echo("  " + _("大小：%(size)s MB", size=f"{state.size / 1e6:.1f}"))
            click.echo("  " + _("位置：%(place)s", place=state.place))
        click.echo("  " + _("注意：%(caveat)s", caveat=CAVEATS.get(card.name, card.caveat)))


@models.command(help=_("检验每个模型的内容和已知结果；缺失或不符时退出状态为 1。"))
@FOLDER
@JSON
def verify(folder: cameras.Folder, as_json: bool) -> None:
    """Hash and known answer of each, on this machine; an extra one that was never installed is no fault."""
    states = cameras.verify(folder)
    for state in states:
        click.echo(_as_json(state) if as_json else _line(state))
    complaints = [*_manifest_faults(folder), *_wrong(states)]
    for complaint in complaints:
        click.echo(complaint, err=True)
    if complaints:
        sys.exit(1)


@models.command(help=_("安装另外的模型（检验全部通过才安装），或移除已安装的模型。"))
@click.option(
    "--from", "source", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help=_("模型文件所在的文件夹；自备的模型另附 manifest.json"),
)  # fmt: skip
@click.option("--remove", metavar="NAME", help=_("移除这个名称的模型"))
@TARGET
def install(source: Path | None, remove: str | None, target: Path | None) -> None:
    """All or nothing; what runs takes it up at its next start, the children of the server at once."""
    if (source is None) == (remove is None):
        raise click.UsageError(_("请给出 --from 或 --remove 之一。"))
    target = target or Settings.of_process().models
    try:
        if remove is not None:
            for card in installing.remove(remove, target):
                click.echo(_("已移除：%(name)s", name=card.name))
            return
        assert source is not None
        done = installing.install(source, target)
    except InstallFault as fault:
        told = {"thing": fault.thing, "reason": fault.reason}
        raise click.ClickException(fill(FAULTS[fault.code], told)) from fault
    for each in done.brought:
        click.echo(f"{each.card.name}\t{PURPOSES[each.card.purpose]}\t{target / each.card.file}")
    for name in done.unknown:
        click.echo(_("%(name)s 不是已知的模型，未安装。", name=name), err=True)
    click.echo(_("正在运行的考试端和服务器重新启动后使用新的模型。"), err=True)


def _manifest_faults(folder: cameras.Folder) -> list[str]:
    """What is wrong with manifests that lie in the folders: their networks are not known then."""
    places = (folder,) if isinstance(folder, Path) else folder or ()
    told = []
    for place in places:
        try:
            folder_cards(place)
        except ManifestFault as fault:
            given = {"thing": f"{place}/{fault.entry}", "reason": fault.reason}
            told.append(fill(FAULTS["model_manifest"], given))
        except OSError as fault:
            given = {"thing": str(place), "reason": fault.strerror or ""}
            told.append(fill(FAULTS["models_source"], given))
    return told


def _wrong(states: tuple[cameras.ModelState, ...]) -> list[str]:
    own = [state for state in states if state.code and state.card.origin == REGISTRY]
    extra = [state for state in states if state.code and not _absent(state) and state not in own]
    told = []
    if own:
        told.append(
            _("监考页面会标明这些检查不可用。请重新安装，或删除 proctoring/weights 后运行 make setup。")
        )
    if extra:
        told.append(_("已安装的模型有误。请重新安装，或用 examhall models install --remove 移除。"))
    return told


def _absent(state: cameras.ModelState) -> bool:
    """An extra network that nobody installed here."""
    return state.code == cameras.MISSING and state.card.origin != REGISTRY


def _line(state: cameras.ModelState) -> str:
    told = NOT_INSTALLED if _absent(state) else STATES[state.code]
    used = _("使用中") if state.used else "-"
    return f"{state.card.name}\t{PURPOSES[state.card.purpose]}\t{told}\t{used}"


def _as_json(state: cameras.ModelState) -> str:
    card = state.card
    told = {"purpose": card.purpose, "name": card.name, "version": card.version, "source": card.source}
    told |= {"licence": card.licence, "caveat": card.caveat, "hash": card.content_hash}
    told |= {"kind": card.kind, "origin": card.origin, "place": str(state.place or "")}
    code = "not_installed" if _absent(state) else state.code or "usable"
    return json.dumps(
        {**told, "thresholds": dict(card.thresholds), "size": state.size, "state": code, "used": state.used},
        ensure_ascii=False,
    )
