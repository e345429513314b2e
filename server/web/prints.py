"""Papers on paper: printing by two people, the issue register, marks of written papers, the paper's proof."""

import re
from decimal import Decimal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import Refused
from server.messages import N_
from server.services import entered_marks, packages, paper_prints, paper_register, papers, roomstate
from server.services.entered_marks import Entry
from server.services.paper_prints import PrintOrder
from server.services.paper_register import Counts
from server.services.signed import Signed
from server.web.forms import decimal, shown_again, text, whole
from server.web.guard import actor, cosigner, current_host, requires
from server.web.proof import proof_document

bp = Blueprint("prints", __name__)
PDF = "application/pdf"
PURPOSES = {"paper_mode": N_("纸笔考试"), "last_resort": N_("应急：机考无法进行")}
DOCUMENTS = {"paper": N_("试卷"), "sheet": N_("答题卡"), "key": N_("答案与评分标准")}
_SEATS = re.compile(r"[\s,，、;；]+")


@bp.get("/sittings/<int:room_sitting_id>/prints")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """What was printed for a room, the register, and the form that prints."""
    with current_host().db.read() as session:
        room = roomstate.load(session, room_sitting_id)
        package = packages.current(session, room_sitting_id)
        seats = paper_register.seats(session, room_sitting_id)
        counted: dict[str, int] = {}
        for seat in seats:
            counted[seat.form] = counted.get(seat.form, 0) + 1
        return render_template(
            "prints/show.html",
            room=room,
            released=package is not None and package.state == "released",
            lines=paper_register.lines(session, room_sitting_id),
            forms=_forms(counted),
            purposes=[(name, _(PURPOSES[name])) for name in paper_prints.purposes(room)],
            documents=documents(),
            document_words=dict(documents()),
        )


def _forms(counted: dict[str, int]) -> list[tuple[str, str]]:
    """What may be chosen: every form of the room, or one of them with its number of seats."""
    single = [
        (form, _("%(form)s 卷（%(n)s 个座位）", form=form, n=n))
        for form, n in sorted(counted.items(), key=_alphabet)
    ]
    return [(paper_prints.ALL_FORMS, str(_("全部卷别，按座位排列"))), *single] if len(single) > 1 else single


def _alphabet(entry: tuple[str, int]) -> tuple[int, str]:
    return len(entry[0]), entry[0]


def documents() -> list[tuple[str, str]]:
    """What can be printed, in the reader's language."""
    return [(name, _(word)) for name, word in DOCUMENTS.items()]


@bp.post("/sittings/<int:room_sitting_id>/prints")
@requires(Permission.HOLD_KEY)
@shown_again("prints.show")
def make(room_sitting_id: int) -> ResponseReturnValue:
    """Prints: the PDF goes to the browser once and is kept nowhere."""
    host = current_host()
    order = PrintOrder(
        room_sitting=room_sitting_id,
        form=text("form", limit=4),
        document=text("document", limit=8),
        purpose=text("purpose", limit=16),
        seats=tuple(filter(None, _SEATS.split(text("seats", limit=1000)))),
        spares=whole("spares"),
        size=text("size", limit=4),
    )
    signed = Signed(actor(), text("reason"), cosigner(request.form, Permission.HOLD_KEY))
    now = host.now()
    with host.db.read() as session:
        payload = paper_prints.work(session, signed, order, now=now, zone=_zone())
    pdf = host.jobs.run("document_pdf", payload)["data"]
    first = paper_prints.first_number(payload)
    number = host.db.write(paper_prints.print_form, signed, order, pdf, first=first, now=now)
    return _pdf(pdf, f"{order.document}-{order.form}-{number}.pdf")


@bp.post("/sittings/<int:room_sitting_id>/prints/<int:print_id>/register")
@requires(Permission.RUN_ROOM)
@shown_again("prints.show", print_id=None)
def register(room_sitting_id: int, print_id: int) -> ResponseReturnValue:
    """Enters what was counted of one printing."""
    host = current_host()
    returned = whole("returned") if request.form.get("returned", "").strip() else None
    counts = Counts(whole("issued"), whole("spare"), returned, text("note"))
    host.db.write(paper_register.enter, actor(), print_id, counts, now=host.now())
    flash(_("登记已保存。"), "good")
    return redirect(url_for("prints.show", room_sitting_id=room_sitting_id))


@bp.get("/sittings/<int:room_sitting_id>/prints/register.pdf")
@requires(Permission.SEE_BATCHES)
def register_pdf(room_sitting_id: int) -> Response:
    """The register to sign."""
    host = current_host()
    with host.db.read() as session:
        payload = paper_register.document(session, room_sitting_id, now=host.now(), zone=_zone())
    return _pdf(host.jobs.run("document_pdf", payload)["data"], f"register-{room_sitting_id}.pdf")


@bp.get("/sittings/<int:room_sitting_id>/marks")
@requires(Permission.MARK_RESULTS)
def marks(room_sitting_id: int) -> str:
    """Marks of papers written on paper: entered by one person, confirmed by another."""
    host = current_host()
    with host.db.read() as session:
        room = roomstate.load(session, room_sitting_id)
        return render_template(
            "prints/marks.html",
            room=room,
            rows=entered_marks.people(session, actor(), host.answers, room_sitting_id),
            waiting=entered_marks.not_counted_yet(session, room),
            number=number,
        )


@bp.post("/sittings/<int:room_sitting_id>/marks")
@requires(Permission.MARK_RESULTS)
@shown_again("prints.marks")
def enter_mark(room_sitting_id: int) -> ResponseReturnValue:
    """The first person's reading."""
    host = current_host()
    entry = Entry(whole("attempt"), decimal("points"), note=text("note"))
    host.db.write(entered_marks.enter, actor(), host.answers, entry, now=host.now())
    flash(_("成绩已登记，等待另一人确认。"), "good")
    return redirect(url_for("prints.marks", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/marks/<int:mark_id>/confirm")
@requires(Permission.MARK_RESULTS)
@shown_again("prints.marks", mark_id=None)
def confirm_mark(room_sitting_id: int, mark_id: int) -> ResponseReturnValue:
    """The second person's reading of the same paper."""
    host = current_host()
    if not host.db.write(entered_marks.confirm, actor(), mark_id, decimal("points"), now=host.now()):
        raise Refused("mark_differs", 422, field="points")
    flash(_("成绩已确认。"), "good")
    return redirect(url_for("prints.marks", room_sitting_id=room_sitting_id))


@bp.get("/papers/<int:paper_set_id>/proof.pdf")
@requires(Permission.SEE_PAPERS)
def proof(paper_set_id: int) -> Response:
    """The proof of a paper set to sign and file, in Chinese whatever the reader's language."""
    host = current_host()
    with host.db.read() as session, force_locale("zh_Hans_CN"):
        payload = proof_document(session, papers.get(session, paper_set_id), host.now())
    return _pdf(host.jobs.run("document_pdf", payload)["data"], f"proof-{paper_set_id}.pdf")


def number(value: Decimal) -> str:
    """Points without needless zeros."""
    return f"{value.normalize():f}" if value else "0"


def _zone() -> ZoneInfo:
    return ZoneInfo(current_host().settings.timezone)


def _pdf(data: bytes, name: str) -> Response:
    response = Response(data, mimetype=PDF)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response
