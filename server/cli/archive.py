"""`examhall archive export | verify`: the dossier of a sitting, and its proof without a server."""

import json
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from server.cli.keys_given import read_site_key
from server.cli.words import _
from server.messages import N_
from server.rules.archive_check import Verified, Wrong
from server.rules.archive_check import verify as verify_file

EXIT_WRONG = 1
_CODES = {
    "not_a_dossier": N_("不是考试档案"),
    "missing": N_("缺少这个文件"),
    "added": N_("目录中没有这个文件，是后来加入的"),
    "altered": N_("内容被改动过"),
    "container": N_("压缩包中这个文件的外层字节被改动过"),
    "index_root": N_("目录的默克尔根不符"),
    "index_signature": N_("目录的签名不对，目录或签名被改动过"),
    "site_key": N_("不是这个考点的档案（公钥不同）"),
    "chain_gap": N_("审计链缺少记录或次序不对"),
    "chain_prev": N_("审计记录没有接在前一条之后"),
    "chain_hash": N_("审计记录的校验值不符，内容被改动过"),
    "chain_shape": N_("审计记录不完整"),
    "checkpoint_size": N_("检查点包含的记录比审计链多"),
    "checkpoint_root": N_("检查点的根与审计链不符"),
    "checkpoint_signature": N_("检查点的签名不对"),
    "checkpoint_shape": N_("检查点不完整"),
    "record_content": N_("考场情况记录单的内容与它的校验值不符"),
    "record_seal": N_("考场情况记录单与审计链中封存时的内容、时间或检查点不符"),
    "record_signatures": N_("考场情况记录单的签名与审计链不符"),
    "record_annexes": N_("考场情况记录单的附注与审计链不符"),
    "record_shape": N_("考场情况记录单不完整"),
    "form_content": N_("督导表的内容与签字时的校验值不符"),
    "form_signature": N_("督导表的签字与审计链不符"),
    "form_shape": N_("督导表不完整"),
    "attempt_foreign": N_("作答记录不属于这份作答"),
    "attempt_twice": N_("作答记录出现两次"),
    "attempt_hash": N_("作答记录的校验值不符，内容被改动过"),
    "attempt_gap": N_("缺少作答记录"),
    "attempt_no_open": N_("第一条不是开卷记录"),
    "attempt_link": N_("作答记录没有接在前一条之后"),
    "attempt_parent": N_("作答记录没有接在发放时的末端之后"),
    "attempt_missing": N_("它之前的作答记录不在文件中"),
    "attempt_head": N_("回执所指的末端不在文件中"),
    "attempt_short": N_("作答记录不完整"),
    "attempt_answered": N_("作答题数与回执不符"),
    "attempt_no_receipt": N_("没有交卷回执，不能证明完整"),
    "attempt_site_key": N_("作答导出不是这个考点的（公钥不同）"),
    "attempt_export_signature": N_("作答导出的签名不对，内容被改动过"),
    "attempt_receipt_signature": N_("交卷回执的签名不对"),
    "attempt_receipt_other": N_("与考生手中的回执不一致"),
    "attempt_receipt_unknown": N_("文件中没有这份回执的作答"),
}


@click.group(help=_("考试档案：导出与验证。"))
def archive() -> None:
    """Dossiers of sittings."""


@archive.command(help=_("导出一场考试（监考画面地址中的编号）的档案；考试结束后才能导出。"))
@click.argument("sitting", type=int)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help=_("写入的文件"))
@click.option("--whole", is_flag=True, help=_("本场的所有考场"))
@click.option("--frames", is_flag=True, help=_("附上密封的画面文件"))
@click.option("--json", "as_json", is_flag=True)
def export(sitting: int, out: Path, *, whole: bool, frames: bool, as_json: bool) -> None:
    """The same file as from the page; that it was taken out stands on the record."""
    from server.cli.opening import opened
    from server.cli.persons import at_the_console
    from server.services import dossier

    with opened(writes=True) as host:
        who, wish = at_the_console(), dossier.Wish(sitting, whole, frames)
        stores = dossier.Stores(host.answers, host.evidence, host.site, ZoneInfo(host.settings.timezone))
        host.db.write(dossier.ask, who, wish, now=host.now())
        with host.db.read() as session:
            payload = dossier.work(session, who, wish, stores, now=host.now())
        data = dossier.sealed_file(host.jobs.run("dossier", payload), host.site)
    out.write_bytes(data)
    files = len(payload["names"]) + len(payload["documents"])
    if as_json:
        click.echo(json.dumps({"file": str(out), "files": files, "size": len(data)}, ensure_ascii=False))
        return
    click.echo(_("已导出 %(n)s 个文件到 %(file)s（%(size)s 字节）", n=files, file=out, size=len(data)))


@archive.command(help=_("验证考试档案是否完整、未被改动；不需要服务器。不符时退出状态为 1。"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--site-key", default="", help=_("考点公钥：PEM 文件、十六进制或 base64"))
@click.option("--json", "as_json", is_flag=True)
def verify(file: Path, site_key: str, *, as_json: bool) -> None:
    """Files, signature, chains, checkpoints and attempts, out of the file alone."""
    found = verify_file(file.read_bytes(), site_key=read_site_key(site_key) if site_key else None)
    click.echo(json.dumps(_as_json(found), ensure_ascii=False) if as_json else _as_text(found, site_key))
    sys.exit(0 if found.good else EXIT_WRONG)


def _as_json(found: Verified) -> dict[str, Any]:
    return {
        "good": found.good,
        "facts": {name: value for name, value in found.facts.items() if name != "known"},
        "files": found.files,
        "chains": found.chains,
        "attempts": found.attempts,
        "wrong": [_fault(one) for one in found.wrong],
        "known": [_fault(one) for one in found.known],
    }


def _fault(one: Wrong) -> dict[str, str]:
    return {"file": one.file, "code": one.code, "row": one.row}


def _as_text(found: Verified, site_key: str) -> str:
    facts = found.facts
    lines = [_("考点公钥") + f" {facts['site_key']}"] if "site_key" in facts else []
    if lines and not site_key:
        lines.append(_("没有指定考点公钥：只证明档案自签名以来未被改动，请用 --site-key 核对是哪个考点的。"))
    if "batch" in facts:
        rooms = "、".join(str(room.get("name")) for room in facts.get("rooms", ()))
        lines.append(f"{facts['batch']} · {rooms} · {facts.get('made_at', '')}")
    lines.append(
        _(
            "文件 %(files)s 个，审计链与检查点文件 %(chains)s 个，作答 %(attempts)s 份",
            files=found.files,
            chains=found.chains,
            attempts=found.attempts,
        )
    )
    lines += [_line(one) for one in found.wrong]
    if found.known:
        lines.append(_("导出时已知、由考点签名说明的情况："))
        lines += [_line(one) for one in found.known]
    lines.append(_("未被改动") if found.good else _("被改动或不完整"))
    return "\n".join(lines)


def _line(one: Wrong) -> str:
    return f"  {one.file}\t{one.row}\t{_(_CODES[one.code])}"
