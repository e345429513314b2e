"""What a bank covers: points by kinds, beside a blueprint when one is chosen."""

from collections.abc import Iterable

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from server.access import Permission
from server.services import banks, blueprints, coverage
from server.services.coverage import LEAST_PER_POINT, Coverage
from server.web.guard import current_host, requires
from server.web.item_words import day_text
from server.web.items import as_csv
from server.web.words import kind_name

bp = Blueprint("coverage", __name__)
STATES = ("act", "look", "good")


@bp.get("/banks/<int:bank_id>/coverage")
@requires(Permission.SEE_BANKS)
def show(bank_id: int) -> str:
    """The heat table, what a paper needs, how used the items are."""
    chosen = request.args.get("blueprint", type=int)
    only = request.args.get("state", "")
    found = _coverage(bank_id, chosen)
    with current_host().db.read() as session:
        bank = banks.view(session, bank_id)
        fitting = [
            row
            for row in blueprints.blueprints(session)
            if (row.occupation, row.level) == (bank.occupation, bank.level)
            and (row.state == "active" or row.id == chosen)
        ]
        choices = [("", _("不对照")), *((str(row.id), f"{row.title} · v{row.version}") for row in fitting)]
    return render_template(
        "banks/coverage.html",
        bank=bank,
        found=found,
        points=[point for point in found.points if only not in STATES or point.state == only],
        only=only,
        chosen=chosen,
        choices=choices,
        least=LEAST_PER_POINT,
    )


@bp.get("/banks/<int:bank_id>/coverage.csv")
@requires(Permission.SEE_BANKS)
def table(bank_id: int) -> Response:
    """The same points as a table for a spreadsheet."""
    found = _coverage(bank_id, request.args.get("blueprint", type=int))
    with current_host().db.read() as session:
        bank = banks.view(session, bank_id)
    return as_csv(f"{bank.name}-{_('覆盖情况')}", list(_rows(found)))


def _coverage(bank_id: int, blueprint_id: int | None) -> Coverage:
    host = current_host()

    def counted() -> Coverage:
        with host.db.read() as session:
            return coverage.coverage(session, bank_id, blueprint_id)

    return host.native.call(counted)  # a large bank would hold up the others


def _rows(found: Coverage) -> Iterable[list[object]]:
    names = [kind_name(kind) for kind in found.kinds]
    head = [_("鉴定点"), _("名称"), _("重要程度"), *names, _("使用中")]
    yield [*head, _("准备中"), _("已暂停"), _("使用次数"), _("从未使用"), _("最近使用")]
    for point in found.points:
        counts = [point.by_kind.get(kind, 0) for kind in found.kinds]
        facts = [point.point, point.name, point.importance, *counts, point.active]
        yield [
            *facts,
            point.coming,
            point.suspended,
            point.uses,
            point.never_used,
            day_text(point.last_used_at),
        ]
