"""Writing items: a new one or a next version, of every kind, with pictures; nothing is changed in place."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from itembank.importing.media import MediumFile
from itembank.item_rules import DIFFICULTIES, IMPORTANCES, validate
from itembank.items import Item, ItemKind, Medium
from itembank.problems import InputRefused, Problem
from server.access import Permission
from server.errors import Forbidden, NotFound, Refused
from server.services import banks, item_media, item_versions, items
from server.web import item_fields
from server.web.forms import sentence_of, text, upload
from server.web.guard import actor, current_host, requires
from server.web.item_fields import EDITED, PART_KINDS, SHAPES, Fields
from server.web.item_words import shape_word
from server.web.items import ITEM, medium_urls
from server.web.words import kind_name

bp = Blueprint("item_editor", __name__)
MOST_MEDIA = 40
_PLACES = {
    "bad_uid": "uid",
    "bad_point": "point",
    "bad_difficulty": "difficulty",
    "bad_consistency": "consistency",
    "bad_importance": "importance",
    "empty_stem": "stem",
    "medium_not_in_bank": "stem",
    "option_count": "option_A",
    "equal_options": "option_A",
    "gap_count": "gap_1",
    "picture_missing": "picture",
    "bad_area": "area_1",
    "most_below_answer": "most",
    "part_count": "part_1_kind",
    "order_incomplete": "answer",
    "answer_missing": "answer",
    "answer_not_an_option": "answer",
    "single_needs_one": "answer",
    "multiple_needs_two": "answer",
}
"""Faults of an item -> the field of the form that they are told at."""


@dataclass
class Sheet:
    """A form as it is shown: its fields, what is wrong with it, and the item it says when it is looked at."""

    bank_id: int
    kind: ItemKind
    fields: Fields
    item_id: int | None = None
    uid: str = ""
    note: str = ""
    media: Mapping[str, Medium] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    preview: Item | None = None


@bp.get("/banks/<int:bank_id>/items/new")
@requires(Permission.AUTHOR_ITEMS)
def new(bank_id: int) -> str:
    """An empty form of one kind."""
    kind = _kind(request.args.get("kind", ItemKind.SINGLE))
    return _shown(Sheet(bank_id, kind, {"kind": kind, "point": request.args.get("point", "")}))


@bp.post("/banks/<int:bank_id>/items/new")
@requires(Permission.AUTHOR_ITEMS)
def create(bank_id: int) -> ResponseReturnValue:
    """The item as version 1, a draft; or the form again to look at it, or with a picture more."""
    sheet = _sent(bank_id)
    sheet.uid = text("uid", limit=64)
    return _acted(sheet)


@bp.get(ITEM + "/edit")
@requires(Permission.AUTHOR_ITEMS)
def edit(bank_id: int, item_id: int) -> str:
    """The newest version as a form; opening it is a reading on record. `kind` turns it into another kind."""
    host = current_host()
    with host.db.read() as session:
        row = items.of_bank(session, bank_id, item_id)
        if item_versions.pending(session, row) is not None:
            raise Refused("item_pending_already", 409, uid=row.uid)
    item = host.db.write(items.read, actor(), item_id, now=host.now())
    known = ItemKind.SINGLE if item.facts.kind is ItemKind.UNSUPPORTED else item.facts.kind
    kind = _kind(request.args.get("kind", known))
    media = {medium.sha256: medium for medium in item.body.media}
    sheet = Sheet(bank_id, kind, item_fields.fields_of(item), item_id, item.facts.uid, media=media)
    return _shown(sheet)


@bp.post(ITEM + "/edit")
@requires(Permission.AUTHOR_ITEMS)
def change(bank_id: int, item_id: int) -> ResponseReturnValue:
    """A next version; or the form again to look at it, or with a picture more."""
    with current_host().db.read() as session:
        uid = items.of_bank(session, bank_id, item_id).uid
    sheet = _sent(bank_id)
    sheet.item_id, sheet.uid = item_id, uid
    return _acted(sheet)


def _sent(bank_id: int) -> Sheet:
    kind = _kind(request.form.get("kind", ""))
    return Sheet(bank_id, kind, request.form.to_dict(), note=text("note"), media=_media(bank_id))


def _acted(sheet: Sheet) -> ResponseReturnValue:
    act = request.form.get("act", "save")
    try:
        if act == "upload":
            return _shown(_with_upload(sheet))
        item = _item(sheet)
        if act == "look":
            sheet.preview = item
            return _shown(sheet)
        item_id = _saved(sheet, item)
    except InputRefused as refusal:
        _tell(sheet, refusal.problems)
        return _shown(sheet), 422
    except (NotFound, Forbidden):
        raise
    except Refused as refusal:
        words = sentence_of(refusal.code, refusal.params)
        sheet.reasons, sheet.faults = (words,), {refusal.params.get("field", ""): words}
        return _shown(sheet), refusal.status
    return redirect(url_for("items.show", bank_id=sheet.bank_id, item_id=item_id))


def _item(sheet: Sheet) -> Item:
    """The item that the fields say. Raises `InputRefused` with places that are names of fields."""
    item, problems = item_fields.read_item(sheet.fields, sheet.uid, sheet.kind)
    if problems:
        raise InputRefused(*problems)
    item = replace(item, body=item_media.joined(item.body, {**sheet.media, **_named(sheet.bank_id, item)}))
    faults = validate(item)
    if faults:
        raise InputRefused(*(_placed(fault) for fault in faults))
    return item


def _saved(sheet: Sheet, item: Item) -> int:
    host = current_host()
    if sheet.item_id is None:
        item_id = host.db.write(item_versions.add, actor(), sheet.bank_id, item, now=host.now())
        flash(_("试题已保存为草稿，须由另一人审定。"), "good")
        return item_id
    act = item_versions.change
    number = host.db.write(act, actor(), sheet.item_id, item, sheet.note, now=host.now())
    flash(_("已保存第 %(n)d 版，须由另一人审定。", n=number), "good")
    return sheet.item_id


def _with_upload(sheet: Sheet) -> Sheet:
    """The form with one more picture or sound, which a child has recognised and drawn anew."""
    host, sent = current_host(), upload()
    try:
        made = host.jobs.run("read_medium", {"data": sent.data})
    except Refused as fault:
        raise Refused(fault.code, 422, **(fault.params | {"field": "file"})) from fault
    shape = Medium(made["sha256"], made["mime"], len(made["data"]), made["width"], made["height"])
    host.db.write(item_media.add, actor(), sheet.bank_id, MediumFile(shape, made["data"]), now=host.now())
    sheet.media = {**sheet.media, shape.sha256: shape}
    if sheet.kind is ItemKind.HOTSPOT and not sheet.fields.get("picture"):
        sheet.fields = {**sheet.fields, "picture": shape.sha256}
    return sheet


def _media(bank_id: int) -> dict[str, Medium]:
    """The media that the form had beside it."""
    named = request.form.get("media", "").split()[:MOST_MEDIA]
    with current_host().db.read() as session:
        return item_media.known(session, bank_id, named)


def _named(bank_id: int, item: Item) -> dict[str, Medium]:
    with current_host().db.read() as session:
        return item_media.known(session, bank_id, item_media.named(item.body))


def _placed(fault: Problem) -> Problem:
    """A fault at the field it is told at; parts and gaps have fields of their own."""
    part = fault.params.get("part")
    name = f"gap_{fault.params['gap']}" if "gap" in fault.params else _PLACES.get(fault.code, "")
    if fault.code == "empty_option":
        name = f"option_{fault.params['key']}"
    return Problem(fault.code, f"part_{part}_{name}" if part and name else name, fault.params)


def _tell(sheet: Sheet, problems: tuple[Problem, ...]) -> None:
    words = [_sentence(problem) for problem in problems]
    sheet.reasons = tuple(words)
    pairs = zip(problems, words, strict=True)
    sheet.faults = {problem.place: word for problem, word in pairs if problem.place}


def _sentence(problem: Problem) -> str:
    words = sentence_of(problem.code, problem.params)
    part = problem.params.get("part")
    return _("小题 %(part)s：%(words)s", part=part, words=words) if part else words


def _kind(value: str) -> ItemKind:
    if value not in EDITED:
        raise NotFound("kind")
    return ItemKind(value)


def _shown(sheet: Sheet) -> str:
    with current_host().db.read() as session:
        bank = banks.view(session, sheet.bank_id)
        view = _view(session, sheet)
    none = ("", _("未填"))
    return render_template(
        "items/edit.html",
        bank=bank,
        view=view,
        sheet=sheet,
        kind=sheet.kind,
        kinds=[(str(kind), kind_name(kind)) for kind in EDITED],
        part_kinds=[("", _("没有这一小题")), *((str(kind), kind_name(kind)) for kind in PART_KINDS)],
        scale=[none, *((str(n), str(n)) for n in DIFFICULTIES)],
        importances=[none, *((name, name) for name in IMPORTANCES if name)],
        pictures=_pictures(sheet),
        shapes=[(shape, shape_word(shape)) for shape in SHAPES],
        letters=item_fields.letters,
        numbers=item_fields.numbers,
        parts_shown=item_fields.parts(sheet.fields),
        medium_url=medium_urls(sheet.bank_id),
    )


def _pictures(sheet: Sheet) -> list[tuple[str, str]]:
    shown = [medium for medium in sheet.media.values() if medium.mime.startswith("image/")]
    sizes = [f"{medium.width} × {medium.height}" for medium in shown]
    words = [_("图片 %(n)s（%(size)s）", n=n, size=size) for n, size in enumerate(sizes, 1)]
    return [("", _("请选择")), *zip((medium.sha256 for medium in shown), words, strict=True)]


def _view(session: Session, sheet: Sheet) -> items.ItemView | None:
    if sheet.item_id is None:
        return None
    return items.view(session, actor(), sheet.bank_id, sheet.item_id)
