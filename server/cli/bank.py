"""`examhall bank check | import | list`: bank files, read in a limited child as the web page does."""

import hashlib
import json
import resource
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from itembank.importing.pipeline import BankReading
from itembank.items import ItemKind
from itembank.problems import Problem
from itembank.vault import Vault
from server.cli.opening import opened
from server.cli.persons import at_the_console
from server.cli.problems import problem_text
from server.cli.words import _
from server.db.bank import Bank
from server.db.base import Database
from server.errors import Refused
from server.events import Events
from server.host import Host
from server.jobs.runner import Jobs
from server.services import banks
from server.settings import Settings

AMBIGUOUS = {"D": ItemKind.MULTIPLE, "G": ItemKind.MULTIPLE}
"""Type codes that tools use differently, and what each most often means: proposed, never assumed."""
LATER_KINDS = (
    "text", "numeric", "match", "order", "inline_choice",
    "hotspot", "essay", "case", "practical", "unsupported",
)  # fmt: skip
EXIT_REFUSED = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """A file as read: the reading, or why the whole of it is refused; what reading it took."""

    reading: BankReading | None
    refused: Problem | None
    cpu_seconds: float
    peak_rss_mib: int

    def unknown_codes(self) -> list[str]:
        """Type codes that nobody has declared."""
        rejected = self.reading.rejected if self.reading else ()
        codes = {str(p.params.get("value", "")) for p in rejected if p.code == "unknown_type_code"}
        return sorted(codes)

    def suggestion(self) -> dict[str, str]:
        """What the undeclared codes might mean; empty unless each has one usual meaning."""
        codes = [code.strip().upper()[:1] for code in self.unknown_codes()]
        if not codes or not all(code in AMBIGUOUS for code in codes):
            return {}
        return {code: str(AMBIGUOUS[code]) for code in codes}


@click.group(help=_("题库。"))
def bank() -> None:
    """Item banks."""


@bank.command(help=_("试读题库文件，不保存任何内容。退出状态 2：文件被拒绝，或题型代码需要说明。"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
@click.option("--answers", is_flag=True, help=_("同时列出每题的答案"))
@click.option("--mapping", default="", help=_("题型代码的含义：auto 接受建议，或一个 JSON 文件"))
def check(file: Path, as_json: bool, answers: bool, mapping: str) -> None:
    """A dry run without a server, a key or a data folder."""
    codes = _codes_of_file(mapping) if mapping and mapping != "auto" else {}
    checked = read(_bare_jobs(), file, codes)
    suggested = checked.suggestion()
    if mapping == "auto" and suggested:
        checked = read(_bare_jobs(), file, suggested)
    content = as_contract(checked, answers=answers)
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else as_text(checked))
    sys.exit(EXIT_REFUSED if content["refused"] or content["needs_mapping"] else 0)


@bank.command(name="import", help=_("把题库文件导入题库；题库不存在时新建。"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--bank", "name", required=True, help=_("题库名称"))
@click.option("--occupation", default="保卫管理员", help=_("新建题库的职业，默认保卫管理员"))
@click.option("--level", type=click.IntRange(1, 5), default=3, help=_("新建题库的等级，默认 3"))
@click.option("--sample", is_flag=True, help=_("新建的题库是示例"))
@click.option("--good-rows", is_flag=True, help=_("有错误的行时仍导入正确的行"))
@click.option("--code", "codes", multiple=True, help=_("题型代码的含义，如 G=multiple，可重复"))
@click.option("--json", "as_json", is_flag=True)
def import_(  # noqa: PLR0913 - one argument for each option
    file: Path,
    name: str,
    occupation: str,
    level: int,
    sample: bool,
    good_rows: bool,
    codes: tuple[str, ...],
    as_json: bool,
) -> None:
    """All rows or, with --good-rows, the good ones; refused while a sitting runs."""
    kinds = dict(_code(entry) for entry in codes)
    with opened(writes=True) as host:
        checked = read(host.jobs, file, kinds)
        count = None
        if checked.reading is not None:
            new = banks.new_bank(name, occupation, level, sample=sample)
            checked, count = _store(host, file, new, checked, good_rows=good_rows)
    if as_json:
        click.echo(json.dumps(as_contract(checked) | {"bank": name, "imported": count}, ensure_ascii=False))
    else:
        click.echo(as_text(checked))
        click.echo(_("已导入 %(count)d 道试题。", count=count) if count else _("没有导入任何试题。"))
    sys.exit(0 if count else EXIT_REFUSED)


@bank.command(name="list", help=_("列出题库。"))
@click.option("--json", "as_json", is_flag=True)
def show(as_json: bool) -> None:
    """Every bank in numbers."""
    with opened(writes=False) as host, host.db.read() as session:
        for view in banks.banks(session):
            row = {"bank": view.name, "occupation": view.occupation, "level": view.level}
            row |= {"items": view.items, "by_kind": view.by_kind}
            plain = f"{view.id}\t{view.name}\t{view.occupation} {view.level}\t{view.items}"
            click.echo(json.dumps(row, ensure_ascii=False) if as_json else plain)


def read(jobs: Jobs, file: Path, codes: Mapping[str, str]) -> Checked:
    """Reads a file in a child; a child that dies on it is a refusal like any other."""
    payload = {"data": file.read_bytes(), "name": file.name, "codes": dict(codes) or None}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    reading: BankReading | None = None
    refused: Problem | None = None
    try:
        result = jobs.run("read_bank", payload)
    except Refused as refusal:
        refused = Problem(refusal.code, "", refusal.params)
    else:
        if "refused" in result:
            refused = Problem.from_json(result["refused"])
        else:
            reading = BankReading.from_json(result["reading"])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Checked(reading, refused, round(cpu, 2), after.ru_maxrss >> 10)


def as_contract(checked: Checked, *, answers: bool = False) -> dict[str, Any]:
    """The JSON that programs rely on."""
    reading = checked.reading or BankReading.refused(Problem("", ""))
    counted = reading.by_kind() | dict.fromkeys(LATER_KINDS, 0)
    unknown = checked.unknown_codes()
    needs = {"columns": [], "codes": {code: [] for code in unknown}, "suggested": checked.suggestion()}
    content: dict[str, Any] = {
        "format": reading.format or None,
        "encoding": reading.encoding or None,
        "refused": _told(checked.refused) if checked.refused else None,
        "needs_mapping": needs if unknown else None,
        "items": {"total": len(reading.items), "by_kind": counted},
        "rejected": [_told(problem) for problem in reading.rejected] if checked.reading else [],
        "warnings": [_told(problem) for problem in reading.warnings],
        "blueprint": None,
        "media": 0,
        "cpu_seconds": checked.cpu_seconds,
        "peak_rss_mib": checked.peak_rss_mib,
    }
    if answers:
        numbered = enumerate(reading.items, 1)
        content["answers"] = {
            item.facts.uid or str(number): list(item.body.answer) for number, (_place, item) in numbered
        }
    return content


def as_text(checked: Checked) -> str:
    """The same for people."""
    if checked.refused is not None:
        return _("文件被拒绝：%(why)s", why=problem_text(checked.refused))
    assert checked.reading is not None
    reading = checked.reading
    kinds = "、".join(f"{kind} {count}" for kind, count in reading.by_kind().items())
    lines = [_("可导入 %(n)d 题（%(kinds)s）", n=len(reading.items), kinds=kinds)]
    lines += [_("不导入：%(why)s", why=problem_text(problem)) for problem in reading.rejected]
    lines += [_("请留意：%(why)s", why=problem_text(problem)) for problem in reading.warnings]
    return "\n".join(lines)


def _told(problem: Problem) -> dict[str, str]:
    return {"place": problem.place, "code": problem.code, "message": problem_text(problem)}


def _store(
    host: Host, file: Path, new: banks.BankView, checked: Checked, *, good_rows: bool
) -> tuple[Checked, int | None]:
    """Commits a reading, or forgets it when rows are rejected; the reading as checked against the bank."""
    assert checked.reading is not None
    who, data = at_the_console(), file.read_bytes()
    with host.db.read() as session:
        bank_id = session.scalar(select(Bank.id).where(Bank.name == new.name.strip()))
    if bank_id is None:
        if not _acceptable(checked.reading, good_rows=good_rows):
            return checked, None  # no empty bank stays behind
        bank_id = host.db.write(banks.create, who, new, now=host.now())
    facts = banks.UploadedFile(file.name, hashlib.sha256(data).hexdigest(), len(data))
    import_id = host.db.write(banks.begin_import, who, bank_id, facts, now=host.now())
    host.db.write(banks.store_reading, import_id, checked.reading)
    with host.db.read() as session:
        seen = banks.report(session, import_id).reading
    found = Checked(seen, None, checked.cpu_seconds, checked.peak_rss_mib)
    if seen is None or not _acceptable(seen, good_rows=good_rows):
        host.db.write(banks.discard_import, who, import_id, now=host.now())
        return found, None
    return found, host.db.write(banks.commit_import, who, import_id, good_rows=good_rows, now=host.now())


def _acceptable(reading: BankReading, *, good_rows: bool) -> bool:
    return bool(reading.items) and (good_rows or not reading.rejected)


def _code(text: str) -> tuple[str, str]:
    code, _sep, kind = text.partition("=")
    if not code.strip() or kind not in set(ItemKind):
        known = ", ".join(sorted(set(ItemKind)))
        raise click.UsageError(_("--code 应为 代码=题型，题型为 %(known)s", known=known))
    return code.strip().upper(), kind


def _codes_of_file(path: str) -> dict[str, str]:
    """{"codes": {"D": "multiple"}}."""
    try:
        content = json.loads(Path(path).read_text("utf-8"))
        return dict(_code(f"{code}={kind}") for code, kind in content["codes"].items())
    except (OSError, ValueError, KeyError, AttributeError) as fault:
        raise click.UsageError(_("--mapping：无法读取 %(path)s", path=path)) from fault


def _bare_jobs() -> Jobs:
    """A runner of children without a data folder: a dry run needs its limits, and stores nothing."""
    db = Database("sqlite://", vault=Vault(secrets.token_bytes(32)), events=Events())
    return Jobs(db, Settings.of_process(), lambda: datetime.now(UTC))
