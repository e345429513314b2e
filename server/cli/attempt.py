"""`examhall attempt import | export | verify`: what a workstation rescued, and what proves a paper."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from exam_rooms.attempt_proof import Fault, Proof
from server.cli.keys_given import read_site_key
from server.cli.opening import opened
from server.cli.persons import at_the_console
from server.cli.rehearse.staff import Desk, StaffRefused, server_address
from server.cli.words import _, say
from server.errors import Refused
from server.host import Host
from server.messages import N_
from server.services import attempt_export, rescue
from server.services.attempt_export import Checked, Sources
from server.services.locking import server_runs
from server.services.rescue import Errand

EXIT_WRONG = 1
_FAULTS = {
    "foreign": N_("不属于这份作答"),
    "twice": N_("出现两次"),
    "hash": N_("校验值不符，内容被改动过"),
    "gap": N_("缺少这条记录"),
    "no_open": N_("第一条不是开卷记录"),
    "link": N_("没有接在前一条之后"),
    "parent": N_("没有接在发放时的末端之后"),
    "missing": N_("它之前的记录不在文件中"),
    "head": N_("回执所指的末端不在文件中"),
    "answered": N_("作答题数与回执不符"),
    "no_receipt": N_("没有交卷回执，不能证明完整"),
}
_WRONG = {
    "site_key": N_("导出文件不是这个考点的（公钥不同）"),
    "export_signature": N_("导出文件的签名不对，内容被改动过"),
    "receipt_signature": N_("交卷回执的签名不对"),
    "receipt_other": N_("与考生手中的回执不一致"),
    "receipt_unknown": N_("文件中没有这份回执的作答"),
}


@click.group(help=_("考生作答：应急导入、导出与验证。"))
def attempt() -> None:
    """Rescue files and proofs."""


@attempt.command(name="import", help=_("导入考试机的应急文件；服务器运行时经由服务器导入。"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help=_("只检查，不保存"))
@click.option("--user", "username", default="", help=_("服务器运行时：主考或监考员的账号"))
@click.option("--json", "as_json", is_flag=True)
def import_(file: Path, dry_run: bool, username: str, as_json: bool) -> None:
    """Bringing the same file again changes nothing. Status 1 when some journal was not taken."""
    data = file.read_bytes()
    with opened(writes=False) as host:
        if server_runs(host.settings.data) and not dry_run:
            report = _through_the_server(host, file.name, data, username)
        else:
            report = _directly(host, data, dry_run)
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else _report_text(report))
    sys.exit(EXIT_WRONG if any(line["code"] for line in report["journals"]) else 0)


def _directly(host: Host, data: bytes, dry_run: bool) -> dict[str, Any]:
    errand = Errand(at_the_console(), dry_run=dry_run)
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return rescue.as_json(rescue.bring(host, data, errand, now=host.now(), boot_ns=boot_ns))


def _through_the_server(host: Host, name: str, data: bytes, username: str) -> dict[str, Any]:
    """The running server takes the file, so that monitors and seats hear of it (design D5)."""
    username = username or str(click.prompt(_("主考或监考员的账号"), err=True))
    word = str(click.prompt(_("%(username)s 的密码", username=username), hide_input=True, err=True))
    try:
        desk = Desk.of(server_address(host.settings, host.site.ca_pem), username, word)
        desk.sign_in()
        answer = desk.upload("/rescue", (name, data))
    except (StaffRefused, OSError) as fault:
        raise Refused("server_login_failed", why=str(fault)) from fault
    content: dict[str, Any] = answer.json()
    if answer.status >= 400:
        raise click.ClickException(str(content.get("message")))
    return content


def _report_text(report: dict[str, Any]) -> str:
    lines = [_("考试机 %(seat)s 号的应急文件", seat=report["seat"])]
    for line in report["journals"]:
        if line["code"]:
            why = say(Refused(line["code"]))
            lines.append(f"{line['attempt']}-{line['journal']}\t{_('未导入')}\t{why}")
            continue
        told = _(
            "新记录 %(taken)s 条，已有 %(known)s 条，不计入 %(left)s 条",
            taken=line["taken"],
            known=line["known"],
            left=line["not_counted"],
        )
        refused = " ".join(f"{line['journal']}-{one['seq']}:{one['code']}" for one in line["refused"])
        lines.append(f"{line['seat']}\t{line['ticket']}\t{line['name']}\t{told}\t{refused}".rstrip())
    return "\n".join(lines)


@attempt.command(help=_("导出考生作答为带签名的文件，可独立验证。"))
@click.argument("names", nargs=-1)
@click.option("--room", "room_sitting", type=int, default=None, help=_("整场导出：监考画面地址中的编号"))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help=_("写入的文件"))
def export(names: tuple[str, ...], room_sitting: int | None, out: Path) -> None:
    """Tickets or attempt numbers, or a whole room."""
    with opened(writes=True) as host:
        with host.db.read() as session:
            chosen = attempt_export.find(session, names, room_sitting)
        sources = Sources(host.answers, host.site)
        data = host.db.write(attempt_export.export, at_the_console(), sources, chosen, now=host.now())
    out.write_bytes(data)
    click.echo(_("已导出 %(n)s 份作答到 %(file)s", n=len(chosen), file=out))


@attempt.command(help=_("验证导出的作答是否完整、未被改动；不需要服务器。不符时退出状态为 1。"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--receipt", default="", help=_("考生的回执：二维码文字，或含有它的文件"))
@click.option("--site-key", default="", help=_("考点公钥：PEM 文件、十六进制或 base64"))
@click.option("--json", "as_json", is_flag=True)
def verify(file: Path, receipt: str, site_key: str, as_json: bool) -> None:
    """Hashes, links, parents, receipts and signatures, out of the file alone."""
    document = attempt_export.read(file.read_bytes())
    known = attempt_export.read_receipt(_text_of(receipt)) if receipt else None
    key = read_site_key(site_key) if site_key else None
    found = attempt_export.check(document, site_key=key, receipt=known)
    click.echo(json.dumps(_checked_json(found), ensure_ascii=False) if as_json else _checked_text(found))
    sys.exit(0 if found.good else EXIT_WRONG)


def _text_of(given: str) -> str:
    """What was typed, or what stands in the file that was named."""
    if given.startswith(attempt_export.RECEIPT_MARK):
        return given
    try:
        return Path(given).read_text("utf-8")
    except (OSError, ValueError) as fault:
        raise Refused("receipt_unreadable", 422) from fault


def _checked_json(found: Checked) -> dict[str, Any]:
    return {
        "good": found.good,
        "site_key": found.site_key,
        "exported_at": found.exported_at.isoformat(),
        "wrong": [{"attempt": number, "code": code} for number, code in found.wrong],
        "attempts": [
            {
                "attempt": proof.attempt,
                "ticket": proof.ticket,
                "records": proof.records,
                "proven": proof.proven,
                "beside": proof.beside,
                "answered": proof.answered,
                "faults": [
                    {"journal": one.journal, "seq": one.seq, "code": one.code} for one in proof.faults
                ],
            }
            for proof in found.proofs
        ],
    }


def _checked_text(found: Checked) -> str:
    lines = [_("考点公钥") + f" {found.site_key}"]
    lines += [f"{number or ''}\t{_(_WRONG[code])}".strip() for number, code in found.wrong]
    for proof in found.proofs:
        lines.append(_proof_text(proof))
        lines += [f"  {one.journal}-{one.seq}\t{_fault_text(one)}" for one in proof.faults]
    lines.append(_("完整") if found.good else _("不完整或被改动"))
    return "\n".join(lines)


def _proof_text(proof: Proof) -> str:
    return _(
        "%(ticket)s：记录 %(records)s 条，回执证明 %(proven)s 条，另有 %(beside)s 条；作答 %(answered)s 题",
        ticket=proof.ticket,
        records=proof.records,
        proven=proof.proven,
        beside=proof.beside,
        answered=proof.answered,
    )


def _fault_text(fault: Fault) -> str:
    return _(_FAULTS[fault.code])
