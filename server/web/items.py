"""Items of a bank: found by facts or by words, looked at, compared version with version; their media."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.item_diff import differences
from itembank.item_rules import DIFFICULTIES
from itembank.items import Item, ItemKind
from server.access import Permission
from server.services import banks, item_media, item_search, items
from server.services.item_search import ItemPage, Wish
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires
from server.web.item_words import SORTS, STATUSES, day_text
from server.web.layout import state_word
from server.web.words import kind_name

bp = Blueprint("items", __name__)
ITEM = "/banks/<int:bank_id>/items/<int:item_id>"
SHOWN_FOUND = 200  # items that a search by words lists
_ASKED = ("point", "kind", "difficulty", "status", "path", "uid", "import", "pending", "unclassified", "sort")
_RANGES = ("uses", "facility", "discrimination")
_NUMBER = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,4})?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = ("uid", "version", "status", "point", "kind", "difficulty", "consistency", "importance")
_MORE_COLUMNS = ("uses", "last_used_at", "answered", "facility", "discrimination", "path", "enemy", "seconds")


@bp.get("/banks/<int:bank_id>/items")
@requires(Permission.SEE_BANKS)
def index(bank_id: int) -> str:
    """Items found by their facts, never their bodies."""
    asked = asked_of(request.args)
    with current_host().db.read() as session:
        wanted = request.args.get("page", 1, type=int)
        # Before the page: what changes between the two is refused, not missed.
        digest = item_search.digest(item_search.numbers(session, bank_id, wish_of(asked)))
        found = item_search.page_of(
            session, bank_id, wish_of(asked), page=wanted, sort=asked.get("sort", "point")
        )
    return _list(bank_id, asked, found, digest=digest)


@bp.get("/banks/<int:bank_id>/items.csv")
@requires(Permission.SEE_BANKS)
def table(bank_id: int) -> Response:
    """The facts of every item found, for a spreadsheet; no cell of it is a formula."""
    host, asked = current_host(), asked_of(request.args)

    def found() -> Sequence[Any]:
        with host.db.read() as session:
            return item_search.facts_of_all(session, bank_id, wish_of(asked), sort=asked.get("sort", "point"))

    with host.db.read() as session:
        bank = banks.view(session, bank_id)
    rows = host.native.call(found)
    head = [
        *(_("编号"), _("版本"), _("状态"), _("鉴定点"), _("题型"), _("难度"), _("一致性"), _("重要程度")),
        *(_("使用次数"), _("最近使用"), _("作答人数"), _("得分率"), _("区分度")),
        *(_("分类路径"), _("互斥题组"), _("预计用时（秒）")),
    ]
    return as_csv(f"{bank.name}-{_('试题清单')}", [head, *(_cells(row) for row in rows)])


@bp.post("/banks/<int:bank_id>/items/search")
@requires(Permission.READ_ITEMS)
@shown_again("items.index")
def search(bank_id: int) -> ResponseReturnValue:
    """Items whose texts hold every word; the search is on record, the words are not."""
    host, who, asked = current_host(), actor(), asked_of(request.form)
    words, wish = text("words"), wish_of(asked)

    def opened() -> tuple[list[int], int]:
        with host.db.read() as session:
            found = item_search.with_words(session, who, bank_id, wish, words)
            return found, len(item_search.ids(session, bank_id, wish))

    found, searched = host.native.call(opened)
    host.db.write(item_search.note, who, bank_id, (searched, len(found)), now=host.now())
    with host.db.read() as session:
        rows = item_search.facts_by_ids(session, found[:SHOWN_FOUND], asked.get("sort", "point"))
    return _list(bank_id, asked, ItemPage(rows, len(found), 1, 1), words)


@bp.get(ITEM)
@requires(Permission.SEE_BANKS)
def show(bank_id: int, item_id: int) -> str:
    """One item: facts, life, versions, figures. Its body is read by a button."""
    return _page(bank_id, item_id)


@bp.post(ITEM + "/read")
@requires(Permission.READ_ITEMS)
def read(bank_id: int, item_id: int) -> str:
    """The same with the body of one version; the reading is noted in the bank's audit chain."""
    host = current_host()
    with host.db.read() as session:
        items.of_bank(session, bank_id, item_id)
    version = request.form.get("version", type=int)
    opened = host.db.write(items.read, actor(), item_id, version, now=host.now())
    return _page(bank_id, item_id, opened, version)


@bp.get(ITEM + "/compare")
@requires(Permission.READ_ITEMS)
def compare(bank_id: int, item_id: int) -> str:
    """Two versions beside each other; one reading on record."""
    host = current_host()
    with host.db.read() as session:
        bank, row = banks.view(session, bank_id), items.of_bank(session, bank_id, item_id)
        uid, current = row.uid, row.version
    old = request.args.get("old", current, type=int)
    new = request.args.get("new", current, type=int)
    pair = host.db.write(items.read_two, actor(), item_id, (old, new), now=host.now())
    with host.db.read() as session:
        view = items.view(session, actor(), bank_id, item_id)
    return render_template(
        "items/compare.html",
        bank=bank,
        view=view,
        uid=uid,
        old=old,
        new=new,
        pair=pair,
        changes=differences(*pair),
        medium_url=medium_urls(bank_id),
    )


@bp.get("/banks/<int:bank_id>/media/<string(length=64):sha256>")
@requires(Permission.READ_ITEMS)
def medium(bank_id: int, sha256: str) -> Response:
    """A picture, sound or film of the bank; each look is on record."""
    host = current_host()
    with host.db.read() as session:
        file = item_media.medium(session, actor(), bank_id, sha256)
    host.db.write(item_media.note, actor(), bank_id, sha256, now=host.now())
    return Response(file.data, mimetype=file.medium.mime)


def medium_urls(bank_id: int) -> Any:  # noqa: ANN401 - a function for templates
    """The address of a medium of this bank by its hash."""
    return lambda sha256: url_for("items.medium", bank_id=bank_id, sha256=sha256)


def asked_of(source: Mapping[str, str]) -> dict[str, str]:
    """What a list was asked for, as its form sends it; empty fields are left out."""
    names = [*_ASKED, *(f"{name}_{end}" for name in _RANGES for end in ("from", "to"))]
    return {name: source[name].strip()[:80] for name in names if source.get(name, "").strip()}


def wish_of(asked: Mapping[str, str]) -> Wish:
    """The same for the search; what is no number where one is wanted is not asked."""
    low_high = {name: (_number(asked, f"{name}_from"), _number(asked, f"{name}_to")) for name in _RANGES}
    difficulty, import_id = _number(asked, "difficulty"), _number(asked, "import")
    return Wish(
        point=asked.get("point", "").upper(),
        kind=asked.get("kind", ""),
        difficulty=None if difficulty is None else int(difficulty),
        status=asked.get("status", ""),
        path=asked.get("path", ""),
        uid=asked.get("uid", ""),
        import_id=None if import_id is None else int(import_id),
        pending=asked.get("pending") == "1",
        unclassified=asked.get("unclassified") == "1",
        **low_high,  # type: ignore[arg-type]  # the three ranges by name
    )


def as_csv(name: str, rows: Sequence[Sequence[object]]) -> Response:
    """A table that spreadsheets open as text: UTF-8 with its mark, no cell of it a formula."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[_cell(value) for value in row] for row in rows])
    response = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name + '.csv')}"
    return response


def _list(
    bank_id: int, asked: Mapping[str, str], found: ItemPage, words: str | None = None, digest: str = ""
) -> str:
    with current_host().db.read() as session:
        bank = banks.view(session, bank_id)
    anything = ("", _("不限"))
    return render_template(
        "items/index.html",
        bank=bank,
        found=found,
        asked=asked,
        words=words,
        digest=digest,
        kinds=[anything, *((str(kind), kind_name(kind)) for kind in ItemKind)],
        statuses=[anything, *((status, state_word(status)) for status in STATUSES)],
        difficulties=[anything, *((str(n), str(n)) for n in DIFFICULTIES), ("0", _("未填"))],
        sorts=[(key, _(word)) for key, word in SORTS.items()],
        steps=STATUSES,
    )


def _page(bank_id: int, item_id: int, opened: Item | None = None, version: int | None = None) -> str:
    with current_host().db.read() as session:
        bank = banks.view(session, bank_id)
        view = items.view(session, actor(), bank_id, item_id)
        return render_template(
            "items/show.html",
            bank=bank,
            view=view,
            row=view.row,
            opened=opened,
            version=version or view.row.version,
            medium_url=medium_urls(bank_id),
        )


def _number(asked: Mapping[str, str], name: str) -> float | None:
    value = asked.get(name, "")
    return float(value) if _NUMBER.fullmatch(value) else None


def _cells(row: Any) -> list[object]:  # noqa: ANN401 - the facts of an item
    values = {name: getattr(row, name) for name in (*_COLUMNS, *_MORE_COLUMNS)}
    values |= {"status": state_word(row.status), "kind": kind_name(row.kind)}
    values["last_used_at"] = day_text(row.last_used_at)
    for name in ("facility", "discrimination"):
        values[name] = "" if values[name] is None else f"{values[name]:.4f}"
    return ["" if value is None else value for value in values.values()]


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def refused_if_other_bank(bank_id: int, item_id: int) -> None:
    """Raises `NotFound` for an item of another bank."""
    with current_host().db.read() as session:
        items.of_bank(session, bank_id, item_id)
