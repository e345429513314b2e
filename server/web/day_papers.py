"""Papers of the day: what to print for a room or a whole sitting, its register, the files that wait."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Actor, Permission
from server.messages import N_
from server.services import day_papers, plans
from server.services.day_papers import Made, Printer
from server.services.site_facts import site_facts
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires
from server.web.pdf import attachment

bp = Blueprint("day_papers", __name__)
KINDS: dict[str, tuple[str, str]] = {
    "ticket": (N_("准考证"), N_("每名考生一页，带照片和二维码")),
    "door": (N_("考场门贴"), N_("职业、等级、准考证号起止和座位名单")),
    "label": (N_("桌贴"), N_("每页 24 张，含备用座位")),
    "plan": (N_("座次表"), N_("按考场实际布局，含门、讲台和备用座位")),
    "sign_in": (N_("考生签到表"), N_("签到、签退、缺考，监考员签字")),
    "staff": (N_("监考、考务人员签到表"), N_("本考场当值人员")),
    "accommodation": (N_("便利安排表"), N_("加时、大字版及批准依据")),
}
TYPES = {"pdf": "application/pdf", "zip": "application/zip"}


@bp.get("/sittings/<int:room_sitting_id>/documents")
@requires(Permission.PRINT_PAPERS_OF_DAY)
def show(room_sitting_id: int) -> str:
    """What can be printed, and what was."""
    host = current_host()
    with host.db.read() as session:
        plan = plans.room_plan(session, room_sitting_id)
        found = day_papers.lines(session, room_sitting_id, now=host.now())
    kinds = [(key, _(name), _(hint)) for key, (name, hint) in KINDS.items()]
    return render_template(
        "documents/show.html",
        plan=plan,
        kinds=kinds,
        lines=found,
        words={key: _(KINDS[key][0]) for key in KINDS},
    )


@bp.post("/sittings/<int:room_sitting_id>/documents")
@requires(Permission.PRINT_PAPERS_OF_DAY)
@shown_again("day_papers.show")
def make(room_sitting_id: int) -> ResponseReturnValue:
    """One kind of paper for this room; on the register before it is handed out, and kept nowhere."""
    host, printer, kind, now = current_host(), _printer(), text("kind", limit=16), current_host().now()

    def opened() -> dict[str, Any]:
        with host.db.read() as session:
            return day_papers.room_work(session, printer, room_sitting_id, kind, now=now)

    work = host.native.call(opened)
    made = Made(kind, work["copies"], host.jobs.run("day_papers", work)["data"])
    number = host.db.write(day_papers.note_room, printer.actor, room_sitting_id, made, now=host.now())
    return attachment(made.data, f"{_(KINDS[kind][0])}-{work['papers'][0]['name']}-{number}.pdf")


@bp.post("/sittings/<int:room_sitting_id>/documents/all")
@requires(Permission.MANAGE_BATCHES)
@shown_again("day_papers.show")
def make_all(room_sitting_id: int) -> ResponseReturnValue:
    """The same for every room of the sitting, beside the request: it may be left and found again."""
    host, printer, kind, now = current_host(), _printer(), text("kind", limit=16), current_host().now()

    def opened() -> dict[str, Any]:
        with host.db.read() as session:
            return day_papers.sitting_work(session, printer, room_sitting_id, kind, now=now)

    work = host.native.call(opened)
    job = host.jobs.start(
        "day_papers",
        work,
        actor=printer.actor,
        link=url_for("day_papers.show", room_sitting_id=room_sitting_id),
        done=_keeper(printer.actor, room_sitting_id, kind, work["copies"]),
    )
    return redirect(url_for("jobs.show", job_id=job))


@bp.post("/documents/<int:print_id>")
@requires(Permission.MANAGE_BATCHES)
def fetch(print_id: int) -> ResponseReturnValue:
    """The file of a whole sitting while it waits."""
    host = current_host()
    kind, data = host.db.write(day_papers.fetch, actor(), print_id, now=host.now())
    suffix = "pdf" if data.startswith(b"%PDF") else "zip"
    return attachment(data, f"{_(KINDS[kind][0])}-{print_id}.{suffix}", TYPES[suffix])


def _keeper(who: Actor, room_sitting_id: int, kind: str, copies: int) -> Callable[[dict[str, Any]], object]:
    host = current_host()

    def keep(result: dict[str, Any]) -> object:
        made = Made(kind, copies, result["data"])
        return host.db.write(day_papers.keep_sitting, who, room_sitting_id, made, now=host.now())

    return keep


def _printer() -> Printer:
    settings = current_host().settings
    return Printer(actor(), site_facts(settings), ZoneInfo(settings.timezone))
