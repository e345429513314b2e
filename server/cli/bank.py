"""`examhall bank check | import | list`: bank files, read in a limited child as the web page does."""

import json
import resource
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from itembank.importing.drafts import Declared
from itembank.importing.reading import BankReading, MappingWish
from itembank.items import ItemKind
from itembank.problems import Problem
from server.cli.bank_taking import export, media
from server.cli.bare_jobs import bare_jobs
from server.cli.opening import opened
from server.cli.persons import at_the_console
from server.cli.problems import problem_text
from server.cli.words import _
from server.db.bank import Bank
from server.errors import Refused
from server.host import Host
from server.jobs import importing
from server.jobs.bank import reading_of
from server.jobs.runner import Jobs
from server.services import banks, import_mapping, imports
from server.services.import_commit import Choice
from server.services.readings import Packed

EXIT_REFUSED = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """A file as read: the reading, or why the whole of it is refused; what reading it took."""

    known: Packed | None
    refused: Problem | None
    cpu_seconds: float
    peak_rss_mib: int

    @property
    def reading(self) -> BankReading | None:
        """The reading without what was kept beside it."""
        return self.known.reading if self.known else None

    @property
    def wish(self) -> MappingWish | None:
        """What the file has to be told before it can be read."""
        return self.known.reading.wish if self.known else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The bank to fill (made when there is none of the name) and what is chosen for its items."""

    bank: banks.BankView
    choice: Choice


@click.group(help=_("题库。"))
def bank() -> None:
    """Item banks."""


bank.add_command(export)
bank.add_command(media)


@bank.command(help=_("试读题库文件，不保存任何内容。退出状态 2：文件被拒绝，或题型代码需要说明。"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
@click.option("--answers", is_flag=True, help=_("同时列出每题的答案"))
@click.option("--mapping", default="", help=_("列和题型代码的含义：auto 接受建议，或一个 JSON 文件"))
def check(file: Path, as_json: bool, answers: bool, mapping: str) -> None:
    """A dry run without a server, a key or a data folder."""
    checked = read_told(bare_jobs(), file, mapping)
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
@click.option("--mapping", default="", help=_("列和题型代码的含义：auto 接受建议，或一个 JSON 文件"))
@click.option("--reviewed", is_flag=True, help=_("试题已在别处审定：资料齐全的直接启用，其余为草稿"))
@click.option("--point", default="", help=_("没有鉴定点的试题归入的鉴定点"))
@click.option("--difficulty", type=click.IntRange(1, 5), default=None, help=_("没有难度的试题的难度"))
@click.option("--json", "as_json", is_flag=True)
def import_(  # noqa: PLR0913 - one argument for each option
    file: Path,
    name: str,
    occupation: str,
    level: int,
    sample: bool,
    good_rows: bool,
    codes: tuple[str, ...],
    mapping: str,
    reviewed: bool,
    point: str,
    difficulty: int | None,
    as_json: bool,
) -> None:
    """All rows or, with --good-rows, the good ones; refused while a sitting runs."""
    choice = Choice(good_rows, reviewed, point, difficulty or 0)
    wanted = Wanted(banks.new_bank(name, occupation, level, sample=sample), choice)
    told = dict(_code(entry) for entry in codes)
    with opened(writes=True) as host:
        with host.db.read() as session:
            known = import_mapping.remembered(session)
        checked = read_told(host.jobs, file, mapping, codes=told, remembered=known)
        count = None
        if checked.reading is not None and checked.wish is None:
            checked, count = _store(host, file, wanted, checked)
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
            row |= {"items": view.items, "by_kind": view.by_kind, "by_status": view.by_status}
            plain = f"{view.id}\t{view.name}\t{view.occupation} {view.level}\t{view.items}/{view.held}"
            click.echo(json.dumps(row, ensure_ascii=False) if as_json else plain)


def read_told(
    jobs: Jobs,
    file: Path,
    mapping: str,
    *,
    codes: Mapping[str, str] | None = None,
    remembered: Mapping[str, Any] | None = None,
) -> Checked:
    """Reads a file with what `--mapping` and `--code` say; "auto" accepts what the file suggests."""
    said = _declared_in(mapping) if mapping and mapping != "auto" else Declared()
    declared = Declared(said.columns, {**said.codes, **(codes or {})})
    checked = read(jobs, file, declared, remembered)
    wish = checked.wish
    if mapping == "auto" and wish is not None:
        declared = Declared(wish.suggested_columns, {**wish.suggested_codes, **declared.codes})
        checked = read(jobs, file, declared)
    if checked.known is None or checked.wish or not (declared.columns or declared.codes):
        return checked
    used = {"template": wish.template if wish else "", "remembered": False}
    used |= {"columns": dict(declared.columns), "codes": dict(declared.codes)}
    return replace(checked, known=replace(checked.known, mapping=used))


def read(jobs: Jobs, file: Path, declared: Declared, remembered: Mapping[str, Any] | None = None) -> Checked:
    """Reads a file in a child; a child that dies on it is a refusal like any other."""
    told = {"columns": dict(declared.columns), "codes": dict(declared.codes)}
    known_layouts = {} if declared.columns or declared.codes else dict(remembered or {})
    payload = {"data": file.read_bytes(), "name": file.name, "remembered": known_layouts, **told}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    known: Packed | None = None
    refused: Problem | None = None
    peak = 0
    try:
        result = jobs.run("read_bank", payload)
    except Refused as refusal:
        refused = Problem(refusal.code, "", refusal.params)
    else:
        peak = result["peak_rss_mib"]
        if "refused" in result:
            refused = Problem.from_json(result["refused"])
        else:
            known = reading_of(result)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Checked(known, refused, round(cpu, 2), peak or after.ru_maxrss >> 10)


def as_contract(checked: Checked, *, answers: bool = False) -> dict[str, Any]:
    """The JSON that programs rely on."""
    reading = checked.reading or BankReading.refused(Problem("", ""))
    wish, blueprint = reading.wish, reading.blueprint
    by_kind = Counter(reading.by_kind())
    by_kind.update(reading.doubles)  # read as well, but rejected since they repeat another item
    content: dict[str, Any] = {
        "format": reading.format or None,
        "encoding": reading.encoding or None,
        "refused": _told(checked.refused) if checked.refused else None,
        "needs_mapping": _wished(wish) if wish else None,
        "items": {"total": len(reading.items), "doubles": len(reading.doubles), "by_kind": dict(by_kind)},
        "rejected": [_told(problem) for problem in reading.rejected] if checked.reading else [],
        "warnings": [_told(problem) for problem in reading.warnings],
        "blueprint": {"points": blueprint["points"], "rules": blueprint["rules"]} if blueprint else None,
        "media": len(reading.media),
        "cpu_seconds": checked.cpu_seconds,
        "peak_rss_mib": checked.peak_rss_mib,
    }
    if answers:
        content["answers"] = _answers(reading)
    return content


def _wished(wish: MappingWish) -> dict[str, Any]:
    suggested = {"columns": wish.suggested_columns, "codes": wish.suggested_codes}
    return {"columns": wish.columns, "codes": wish.codes, "suggested": suggested}


def _answers(reading: BankReading) -> dict[str, list[str]]:
    """Each item's answer under the file's own name for it, else under its running number.

    Under its name stands only what the file says to be right: a key that was concluded from the shares of
    the points stands under the number. Answers that are neither keys nor words (numbers, essays) are left
    out.
    """
    told: dict[str, list[str]] = {}
    names = Counter(placed.label for placed in reading.items)
    for number, placed in enumerate(reading.items, 1):
        answer = list(placed.told or placed.item.body.answer)
        stated = placed.label and names[placed.label] == 1 and not placed.item.body.weights
        if answer:
            told.setdefault(placed.label if stated else str(number), answer)
    return told


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


def _store(host: Host, file: Path, wanted: Wanted, checked: Checked) -> tuple[Checked, int | None]:
    """Commits a reading, or forgets it when rows are rejected; the reading as checked against the bank."""
    assert checked.known is not None
    who, good_rows = at_the_console(), wanted.choice.good_rows
    with host.db.read() as session:
        bank_id = session.scalar(select(Bank.id).where(Bank.name == wanted.bank.name.strip()))
    if bank_id is None:
        if not _acceptable(checked.known.reading, good_rows=good_rows):
            return checked, None  # no empty bank stays behind
        bank_id = host.db.write(banks.create, who, wanted.bank, now=host.now())
    upload = imports.UploadedFile(file.name, file.read_bytes())
    import_id = host.db.write(imports.begin, who, bank_id, upload, now=host.now())
    with host.db.read() as session:
        kept = imports.checked(session, import_id, checked.known, seconds=checked.cpu_seconds)
    host.db.write(imports.store, import_id, kept)
    found = replace(checked, known=kept.known)
    if not _acceptable(kept.known.reading, good_rows=good_rows):
        host.db.write(imports.discard, who, import_id, now=host.now())
        return found, None
    desk = importing.Desk(host.db, host.jobs, host.native, host.now)
    return found, importing.take_in(desk, who, import_id, wanted.choice)


def _acceptable(reading: BankReading, *, good_rows: bool) -> bool:
    return bool(reading.items) and (good_rows or not reading.rejected)


def _code(text: str) -> tuple[str, str]:
    code, _sep, kind = text.partition("=")
    if not code.strip() or kind not in set(ItemKind):
        known = ", ".join(sorted(set(ItemKind)))
        raise click.UsageError(_("--code 应为 代码=题型，题型为 %(known)s", known=known))
    return code.strip().upper(), kind


def _declared_in(path: str) -> Declared:
    """{"columns": {"题目": "stem"}, "codes": {"D": "multiple"}}, both may be left out."""
    try:
        content = json.loads(Path(path).read_text("utf-8"))
        codes = dict(_code(f"{code}={kind}") for code, kind in content.get("codes", {}).items())
        return Declared({str(k): str(v) for k, v in content.get("columns", {}).items()}, codes)
    except (OSError, ValueError, KeyError, AttributeError) as fault:
        raise click.UsageError(_("--mapping：无法读取 %(path)s", path=path)) from fault
