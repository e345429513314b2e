"""Personal data: what lies here and until when, holds, records past their time, one candidate's file."""

from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _

from exam_rooms.kept_messages import KeptSection
from server.access import Permission
from server.errors import Refused
from server.messages import N_
from server.services import (
    archive_records,
    holds,
    recorded_pictures,
    retention,
    subject_file,
    subject_paper,
    withdrawals,
)
from server.services.recorded_pictures import Chosen
from server.services.signed import Signed
from server.services.site_facts import site_facts
from server.services.subject_file import SubjectFile
from server.web import forms, guard, monitor
from server.web.forms import shown_again
from server.web.guard import actor, cosigner, current_host, requires
from server.web.language import LOCALES, SOURCE
from server.web.pdf import attachment, printed_now
from server.web.subject_words import sections

bp = Blueprint("privacy", __name__)
KINDS: dict[str, tuple[str, str]] = {
    # kind of data -> (what it is, what for)
    "enrolment": (N_("入场采集的画面"), N_("与报名照片比对")),
    "alert": (N_("告警前后的画面"), N_("核实告警")),
    "capture": (N_("随机抓拍"), N_("抽查")),
    "vectors": (N_("人脸特征"), N_("本场比对")),
    "probes": (N_("待核实的人脸特征"), N_("查找互换座位；告警处理完毕后的当夜删除")),
    "looks": (N_("检测记录"), N_("换用其他设置重新计算告警")),
    "room": (N_("考场摄像头的画面"), N_("查看离座、换座等提示，只截取座位周围")),
    "desk": (N_("签到台画面"), N_("签到比对")),
}
RECORDS: dict[str, str] = {
    "works": N_("论文和评审材料"),
    "questions": N_("答辩提问记录"),
    "scans": N_("答卷扫描页"),
    "typed": N_("录入的客观题作答"),
    "photos": N_("评分照片"),
}
SECOND = (Permission.COSIGN, Permission.DECIDE_CASES, Permission.MANAGE_BATCHES)
"""Who may be the second person where records go or a hold is lifted."""


@bp.get("/privacy")
@requires(Permission.MANAGE_BATCHES)
def index() -> str:
    """What is kept, until when, what waits for a decision, what is held."""
    return _index()


def _index(found: list[subject_file.Found] | None = None) -> str:
    host = current_host()
    with host.db.read() as session:
        return render_template(
            "privacy/index.html",
            overview=retention.overview(session, actor(), now=host.now()),
            records=archive_records.listing(session, actor()),
            record_words={kind: _(name) for kind, name in RECORDS.items()},
            record_years=archive_records.LEAST_YEARS,
            holds=holds.lines(session),
            rooms=holds.places(session),
            found=found,
            words={kind: (_(name), _(purpose)) for kind, (name, purpose) in KINDS.items()},
            hour=host.settings.purge_hour,
            at_work=retention.at_work(session, now=host.now()),
        )


@bp.post("/privacy/recorded")
@requires(Permission.MANAGE_BATCHES)
@shown_again("privacy.index")
def delete_recorded() -> ResponseReturnValue:
    """Two people let pictures of recorded incidents go whose time is over."""
    host = current_host()
    chosen = Chosen(forms.row_numbers("frame"), forms.row_numbers("room_frame"))
    count = len(chosen.seat) + len(chosen.room)
    if not count:
        raise Refused("nothing_chosen", 422, field="frame")
    signed = Signed(actor(), forms.text("reason"), cosigner(request.form, *SECOND))
    names = host.db.write(recorded_pictures.delete, signed, chosen, now=host.now())
    _sweep(names)
    flash(_("已删除 %(n)s 张记录在案的画面。", n=count), "good")
    return redirect(url_for("privacy.index"))


@bp.post("/privacy/holds")
@requires(Permission.MANAGE_BATCHES)
@shown_again("privacy.index")
def place_hold() -> ResponseReturnValue:
    """Keeps everything of a room or of one candidate."""
    host, signed = current_host(), Signed(actor(), forms.text("reason"))
    room = forms.row_number(request.form.get("room", ""))
    if room is None:
        raise Refused("nothing_chosen", 422, field="room")
    host.db.write(holds.place, signed, room, forms.text("ticket", limit=32), now=host.now())
    flash(_("已设为暂停删除。"), "good")
    return redirect(url_for("privacy.index"))


@bp.post("/privacy/holds/<int:hold_id>/lift")
@requires(Permission.MANAGE_BATCHES)
@shown_again("privacy.index", hold_id=None)
def lift_hold(hold_id: int) -> ResponseReturnValue:
    """The usual time counts again."""
    host = current_host()
    signed = Signed(actor(), forms.text("reason"), cosigner(request.form, *SECOND))
    host.db.write(holds.lift, signed, hold_id, now=host.now())
    flash(_("已解除暂停删除，到期的数据将在下次清除时删除。"), "good")
    return redirect(url_for("privacy.index"))


# --- one candidate -----------------------------------------------------------------------------------


@bp.post("/privacy/candidates")
@requires(Permission.MANAGE_BATCHES)
@shown_again("privacy.index")
def find() -> ResponseReturnValue:
    """A candidate by ticket or ID number; by POST, so that no number stands in an address."""
    with current_host().db.read() as session:
        found = subject_file.find(session, actor(), forms.text("typed", limit=64))
    if not found:
        raise Refused("subject_not_found", 404, field="typed")
    if len(found) == 1:
        return redirect(url_for("privacy.candidate", registration_id=found[0].registration))
    return _index(found)


@bp.get("/privacy/candidates/<int:registration_id>")
@requires(Permission.MANAGE_BATCHES)
def candidate(registration_id: int) -> str:
    """What is kept about a candidate; that it was opened stands on the record."""
    host = current_host()
    with host.db.read() as session:
        file = subject_file.of_registration(session, actor(), registration_id)
    if request.method != "HEAD":  # a refused form shows the file as well
        host.db.write(subject_file.note_shown, actor(), registration_id, now=host.now())
    return render_template("privacy/candidate.html", file=file, sections=_sections(file))


@bp.post("/privacy/candidates/<int:registration_id>/paper")
@requires(Permission.MANAGE_BATCHES)
@shown_again("privacy.candidate")
def paper(registration_id: int) -> ResponseReturnValue:
    """The same on paper, in Chinese like every document."""
    host = current_host()
    with host.db.read() as session:
        file = subject_file.of_registration(session, actor(), registration_id)
    with force_locale(LOCALES[SOURCE]):
        shown = sections(file, ZoneInfo(host.settings.timezone))
    payload = subject_paper.document(file, shown, site_facts(host.settings), printed_now())
    data = host.jobs.run("document_pdf", payload)["data"]
    host.db.write(subject_file.note_shown, actor(), registration_id, now=host.now(), printed=True)
    name = _("个人信息说明")
    return attachment(data, f"{name}-{file.ticket}.pdf")


@bp.post("/privacy/candidates/<int:registration_id>/withdraw")
@requires(Permission.MANAGE_BATCHES)
@shown_again("privacy.candidate")
def withdraw(registration_id: int) -> ResponseReturnValue:
    """A candidate takes the consent back after the exam."""
    host = current_host()
    with host.db.read() as session:
        file = subject_file.of_registration(session, actor(), registration_id)
    if file.attempt is None:
        raise Refused("consent_not_given", 409)
    signed = Signed(
        actor(), forms.text("reason"), cosigner(request.form, Permission.ADMIT_CANDIDATES, *SECOND)
    )
    _sweep(host.db.write(withdrawals.withdraw, signed, file.attempt, now=host.now()))
    flash(_("已登记撤回，人脸特征和不再需要的画面已删除。"), "good")
    return redirect(url_for("privacy.candidate", registration_id=registration_id))


@bp.post("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/withdraw")
@requires(Permission.RUN_ROOM)
def withdraw_at_seat(room_sitting_id: int, seat_id: int) -> ResponseReturnValue:
    """The same in the room, also in the middle of the test."""
    host, problem = current_host(), ""
    attempt = monitor.attempt_at(room_sitting_id, seat_id)
    try:
        second = cosigner(request.form, Permission.ADMIT_CANDIDATES, Permission.COSIGN)
        signed = Signed(actor(), forms.text("reason"), second)
        _sweep(host.db.write(withdrawals.withdraw, signed, attempt, now=host.now()))
    except Refused as refusal:
        problem = guard.say(refusal.code, refusal.params)
    if "HX-Request" in request.headers:
        return monitor.drawer(room_sitting_id, seat_id, act="withdraw", problem=problem)
    if problem:
        flash(problem, "act")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


def _sections(file: SubjectFile) -> tuple[KeptSection, ...]:
    return sections(file, ZoneInfo(current_host().settings.timezone))


def _sweep(names: tuple[str, ...]) -> None:
    """Removes files whose rows are empty now."""
    host = current_host()
    for name in names:
        host.native.call(host.evidence.delete, name)
