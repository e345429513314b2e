"""The room record on screen: filled, corrected, signed by each with the own password, sealed, added to."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission, Role
from server.errors import Refused
from server.messages import N_
from server.rules.record_sums import COUNTED
from server.services import record_book, record_signers, roomstate
from server.services.duty import need_room_sight
from server.services.record_book import Change, Page
from server.web import record_lines
from server.web.forms import shown_again, text
from server.web.guard import actor, check_credentials, current_host, requires
from server.web.layout import role_name

bp = Blueprint("record", __name__)
LABELS = {
    "room": N_("考场"),
    "subject": N_("职业与等级"),
    "planned_start": N_("计划开考"),
    "started": N_("实际开考"),
    "ended": N_("结束"),
    "expected": N_("应考"),
    "present": N_("到考"),
    "submitted": N_("交卷人数"),
    "stopped": N_("终止"),
    "absent": N_("缺考"),
    "absent_tickets": N_("缺考准考证号"),
    "collected": N_("收卷时间"),
    "unclear_items": N_("试题疑问"),
    "remarks": N_("其他说明"),
}
KINDS = {
    "late": N_("迟到"),
    "stay": N_("换座"),
    "gap": N_("断网"),
    "pause": N_("暂停"),
    "cover": N_("遮住试卷"),
    "end": N_("提前结束"),
    "credit": N_("补时"),
    "merge": N_("合并"),
    "leave": N_("离场"),
    "query": N_("试题疑问"),
    "violation": N_("违纪"),
    "added": N_("补记"),
}
GAPS = {
    "not_seated": N_("没有座位"),
    "still_open": N_("还没有结束"),
    "rest_missing": N_("作答还没有收齐"),
}
ALTERED = {
    "content": N_("内容与它的校验值不符"),
    "seal": N_("与审计链中封存时的内容、时间或检查点不符"),
    "signatures": N_("签名与审计链中的签名记录不符"),
    "annexes": N_("附注与审计链中的附注记录不符"),
    "shape": N_("内容不完整，读不出来"),
}


@bp.get("/sittings/<int:room_sitting_id>/record")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """The record as it stands, with what may be done about it."""
    with current_host().db.read() as session:
        need_room_sight(session, actor(), room_sitting_id)
        book = record_book.book(session, _page(room_sitting_id))
        return render_template(
            "record/show.html",
            room=roomstate.load(session, room_sitting_id),
            book=book,
            awaited=record_signers.awaited(session, book),
            label=label,
            line_text=record_lines.shown,
            word=record_lines.word,
            finished=record_book.FINISHED,
            gap_word=lambda code: _(GAPS[code]),
            altered=[_(ALTERED[code]) for code in book.altered],
            fields=_fields(book.content),
        )


@bp.post("/sittings/<int:room_sitting_id>/record/correct")
@requires(Permission.RUN_ROOM)
@shown_again("record.show")
def correct(room_sitting_id: int) -> ResponseReturnValue:
    """Another text for one place of the record; the old one stays to be seen."""
    host = current_host()
    change = Change(text("field", limit=80), text("new", limit=1000), text("reason"))
    host.db.write(record_book.correct, actor(), _page(room_sitting_id), change, now=host.now())
    flash(_("已更正；此前的签名不再有效，请重新签名。"), "good")
    return redirect(url_for("record.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/record/sign")
@requires(Permission.SIGN_RECORD)
@shown_again("record.show")
def sign(room_sitting_id: int) -> ResponseReturnValue:
    """Whoever signs gives the own user name and password; the session stays whose it is."""
    host, name, word = current_host(), text("cosign_username"), request.form.get("cosign_password", "")
    if not name or not word:
        raise Refused("cosign_missing", 422, field="cosign_username")
    signer = check_credentials(name, word, field="cosign_username").actor
    page, mark = _page(room_sitting_id), text("sha256", limit=64)
    role = host.db.write(record_book.sign, signer, page, mark, now=host.now())
    flash(_("%(name)s已作为%(role)s签名。", name=signer.name, role=role_name(Role(role))), "good")
    return redirect(url_for("record.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/record/seal")
@requires(Permission.COSIGN)
@shown_again("record.show")
def seal(room_sitting_id: int) -> ResponseReturnValue:
    """The chief closes the record for good."""
    host = current_host()
    host.db.write(record_book.seal, actor(), _page(room_sitting_id), now=host.now())
    flash(_("考场情况记录单已封存。请打印，二维码是带考点签名的检查点。"), "good")
    return redirect(url_for("record.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/record/annex")
@requires(Permission.SIGN_RECORD)
@shown_again("record.show")
def annex(room_sitting_id: int) -> ResponseReturnValue:
    """The only thing that can be said after the seal."""
    host = current_host()
    host.db.write(record_book.add, actor(), room_sitting_id, text("text", limit=1000), now=host.now())
    flash(_("附注已补充。"), "good")
    return redirect(url_for("record.show", room_sitting_id=room_sitting_id))


def label(field: str) -> str:
    """What a place of the record is called: a box, or the kind of a line."""
    kind = field.partition("/")[0]
    return str(_(LABELS.get(field) or KINDS.get(kind) or field))


def _fields(content: record_book.Content) -> list[tuple[str, str]]:
    """Everything that can be corrected, as choices of the form."""
    facts = [name for name in content["facts"] if name not in COUNTED]
    boxes = [(name, label(name)) for name in (*content["notes"], *facts)]
    lines = [(line["key"], _choice(line)) for line in content["lines"]]
    return [("added", str(_("补记一条"))), *boxes, *lines]


def _choice(line: Mapping[str, str]) -> str:
    said = record_lines.shown(line["text"])[:40]
    return f"{label(line['key'])} · {line['at']} · {record_lines.word(line['seat'])} {said}"


def _page(room_sitting_id: int) -> Page:
    return Page(room_sitting_id, ZoneInfo(current_host().settings.timezone))
