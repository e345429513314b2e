"""The invigilator's screen of one room: the map, what waits, what happened, and the acts."""

from decimal import Decimal

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from exam_rooms.drawing import drawing
from server.access import Permission, Role
from server.db.rooms import Room
from server.db.sittings import RoomSitting
from server.errors import NotFound, Refused
from server.services import (
    alert_queue,
    breaches,
    check_gate,
    collection,
    commands,
    compensation,
    duty,
    gates,
    incident_views,
    incidents,
    lost_time,
    monitoring,
    room_tiles,
    rooms,
    roomstate,
    staffing,
)
from server.services import seat_file as files
from server.services.commands import Credit, Start
from server.services.delivery import delivery_of
from server.services.gate_findings import Outside
from server.services.incidents import Handling
from server.services.lost_time import Pick
from server.services.seat_file import Sources
from server.services.signed import Signed
from server.web import feed, forms, guard
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires

bp = Blueprint("monitor", __name__)


@bp.get("/monitor")
@requires(Permission.MONITOR_ROOM)
def index() -> str:
    """All rooms at work as tiles with the same counts, worst first, and their alerts in one list."""
    now = current_host().now()
    return render_template("monitor/index.html", hall=_hall(), now=now, zone=current_host().settings.timezone)


@bp.get("/monitor/rooms")
@requires(Permission.MONITOR_ROOM)
def rooms_part() -> str:
    """Tiles and list of all rooms, as a fragment."""
    return render_template("monitor/rooms.html", hall=_hall(), now=current_host().now())


def _hall() -> room_tiles.Hall:
    host = current_host()
    with host.db.read() as session:
        sources = room_tiles.Sources(host.answers, host.presence, host.clock.proven)
        return room_tiles.hall(session, actor(), sources, now=host.now())


@bp.get("/monitor/<int:room_sitting_id>")
@requires(Permission.MONITOR_ROOM)
def room(room_sitting_id: int) -> str:
    """The room's screen."""
    host = current_host()
    with host.db.read() as session:
        check_room(session, room_sitting_id)
        row = session.get_one(RoomSitting, room_sitting_id)
        plan = rooms.map_of(session.get_one(Room, row.room_id))
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id)
        return render_template(
            "monitor/room.html",
            board=monitoring.board(session, room_sitting_id, cards, now=host.now()),
            picture=drawing(plan),
            zone=host.settings.timezone,
            load=host.hint(),
            cards={card.number: card for card in cards},
            **_side(session, room_sitting_id, cards),
        )


@bp.get("/monitor/<int:room_sitting_id>/side")
@requires(Permission.MONITOR_ROOM)
def side(room_sitting_id: int) -> str:
    """What waits and what happened, as a fragment."""
    host = current_host()
    with host.db.read() as session:
        board = board_of(session, room_sitting_id)
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id)
        return render_template("monitor/side.html", board=board, **_side(session, room_sitting_id, cards))


@bp.get("/monitor/<int:room_sitting_id>/bar")
@requires(Permission.MONITOR_ROOM)
def bar(room_sitting_id: int) -> str:
    """Counts, clock and the one next step, as a fragment."""
    with current_host().db.read() as session:
        return render_template("monitor/bar.html", board=board_of(session, room_sitting_id))


@bp.get("/monitor/<int:room_sitting_id>/seats/<int:seat_id>")
@requires(Permission.MONITOR_ROOM)
def seat(room_sitting_id: int, seat_id: int) -> str:
    """One seat's drawer, as a fragment."""
    return drawer(room_sitting_id, seat_id)


@bp.get("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/photo")
@requires(Permission.MONITOR_ROOM)
def photo(room_sitting_id: int, seat_id: int) -> Response:
    """The candidate's registered photo."""
    with current_host().db.read() as session:
        check_room(session, room_sitting_id)
        data = files.photo(session, room_sitting_id, seat_id)
    if data is None:
        raise NotFound("photo")
    return Response(data, mimetype="image/jpeg")


# --- acts on one seat: the drawer comes back, with the reason when it was refused ------------------


@bp.post("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/<act>")
@requires(Permission.MONITOR_ROOM)
def act_on_seat(room_sitting_id: int, seat_id: int, act: str) -> ResponseReturnValue:
    """Admit, refuse, add time, end, resume, move, unfreeze, close; the service checks who may."""
    problem = field = ""
    try:
        seat_id = _perform(room_sitting_id, seat_id, act)
    except Refused as refusal:
        problem = guard.say(refusal.code, refusal.params)
        field = refusal.params.get("field", "")
    if "HX-Request" in request.headers:
        return drawer(room_sitting_id, seat_id, act=act, problem=problem, field=field)
    if problem:
        flash(problem, "act")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


def _perform(room_sitting_id: int, seat_id: int, act: str) -> int:
    """Does the act and returns the seat to show next."""
    host, who, now = current_host(), actor(), current_host().now()
    attempt = attempt_at(room_sitting_id, seat_id)
    if act == "admit":
        host.db.write(commands.admit, who, attempt, now=now)
    elif act == "close_missing":
        host.db.write(collection.close_missing, who, attempt, forms.text("reason"), now=now)
    elif act == "unfreeze":
        host.db.write(breaches.release, attempt, _signed(), now=now)
    elif act == "move":
        target = forms.whole("seat")
        host.db.write(commands.move_seat, attempt, target, _signed(), now=now)
        return target
    elif act == "refuse":
        host.db.write(commands.refuse, attempt, _signed(), now=now)
    elif act == "add_time":
        minutes, signed = forms.decimal("minutes"), _cosigned()
        give_time(signed, Credit(room_sitting_id, attempt, forms.once()), minutes)
    elif act in ("end", "resume"):
        command = commands.end_seat if act == "end" else commands.resume_seat
        host.db.write(command, attempt, _cosigned(), now=now)
    else:
        raise NotFound("act")
    return seat_id


@bp.post("/monitor/<int:room_sitting_id>/incidents/<int:incident_id>")
@requires(Permission.RUN_ROOM)
def incident(room_sitting_id: int, incident_id: int) -> ResponseReturnValue:
    """Somebody has looked: acknowledged, dismissed with a reason, or recorded."""
    host = current_host()
    handling = Handling(forms.text("outcome"), forms.text("note"))
    with host.db.read() as session:
        if incident_views.one(session, room_sitting_id, incident_id) is None:
            raise NotFound("incident")
    problem = ""
    try:
        host.db.write(incidents.handle, actor(), incident_id, handling, now=host.now())
    except Refused as refusal:
        problem = guard.say(refusal.code, refusal.params)
    if "HX-Request" in request.headers:
        seat_id = forms.row_number(request.form.get("seat", ""))
        if seat_id is not None:
            return drawer(room_sitting_id, seat_id, act="incident", problem=problem)
        return side(room_sitting_id)
    if problem:
        flash(problem, "act")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


# --- acts on the room: dialogs (pages of their own without scripts) -----------------------------------


@bp.get("/monitor/<int:room_sitting_id>/start")
@requires(Permission.RUN_ROOM)
def start_dialog(room_sitting_id: int) -> str:
    """Who is in the room, before the clock starts."""
    host = current_host()
    with host.db.read() as session:
        check_room(session, room_sitting_id)
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id)
        board = monitoring.board(session, room_sitting_id, cards, now=host.now())
        staff = staffing.staffing(session, room_sitting_id)
        people = [entry for entry in staff.assigned if entry[2] == Role.INVIGILATOR]
        outside = Outside(host.clock.proven, frozenset(user for user, _name, _role in people))
        found = gates.gates(session, host.presence, room_sitting_id, now=host.now(), outside=outside)
        signs = roomstate.load(session, room_sitting_id).policy.gates.duty_sign_in
        checks = check_gate.tally_of(session, room_sitting_id, now=host.now())
    told = {"gates": found, "signs": signs, "checks": checks, "unlinked": monitoring.unlinked(cards)}
    return dialog("start", board, staffing=staff, people=people, **told)


@bp.post("/monitor/<int:room_sitting_id>/start")
@requires(Permission.RUN_ROOM)
@returns_to("monitor.room")
def start(room_sitting_id: int) -> ResponseReturnValue:
    """Starts the clock for everybody."""
    host = current_host()
    present = frozenset(forms.row_numbers("present"))
    order = Start(present, host.clock.anchor, host.presence, host.clock.proven)
    host.db.write(commands.start_room, actor(), room_sitting_id, order, now=host.now())
    delivery_of(host).seats_first()
    flash(_("已开考。"), "good")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


@bp.get("/monitor/<int:room_sitting_id>/time")
@requires(Permission.GRANT_TIME)
def time_dialog(room_sitting_id: int) -> str:
    """Compensation time for everybody."""
    host = current_host()
    with host.db.read() as session:
        board = board_of(session, room_sitting_id)
        lost = lost_time.proposed(session, room_sitting_id, now=host.now(), store=host.answers)
    return dialog("time", board, lost=lost)


@bp.post("/monitor/<int:room_sitting_id>/time")
@requires(Permission.GRANT_TIME)
@returns_to("monitor.room")
def add_time(room_sitting_id: int) -> ResponseReturnValue:
    """Adds time for the whole room, with the chief's signature; a second click adds none."""
    credit = Credit(room_sitting_id, once=forms.once())
    minutes, signed = forms.decimal("minutes"), _cosigned()
    reopened = give_time(signed, credit, minutes)
    if reopened is None:
        flash(_("这次补时已经登记，没有重复补时。"), "info")
    else:
        flash(_("已为全场补时，%(n)d 个已到时的座位重新开放。", n=len(reopened)), "good")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


@bp.get("/monitor/<int:room_sitting_id>/end")
@requires(Permission.RUN_ROOM)
def end_dialog(room_sitting_id: int) -> str:
    """What ending the room means now, before it is done."""
    with current_host().db.read() as session:
        board = board_of(session, room_sitting_id)
        tally = collection.tally(session, room_sitting_id)
        attempts = roomstate.attempts_of(session, room_sitting_id)
        state, now = roomstate.load(session, room_sitting_id), current_host().now()
        early = commands.ends_early(state, attempts, now)
        losing = lost_time.undecided(session, state, now=now)
    return dialog("end", board, tally=tally, early=early, losing=losing)


@bp.post("/monitor/<int:room_sitting_id>/end")
@requires(Permission.RUN_ROOM)
@returns_to("monitor.room")
def end(room_sitting_id: int) -> ResponseReturnValue:
    """Ends the sitting in this room."""
    host = current_host()
    signed = _cosigned() if request.form.get("cosign_username") else _signed()
    host.db.write(commands.end_room, room_sitting_id, signed, now=host.now())
    flash(_("本场已结束，正在收卷。"), "good")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


# --- small parts -------------------------------------------------------------------------------------


def board_of(session: Session, room_sitting_id: int) -> monitoring.RoomBoard:
    """The room as a whole."""
    host = current_host()
    check_room(session, room_sitting_id)
    cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id)
    return monitoring.board(session, room_sitting_id, cards, now=host.now())


def check_room(session: Session, room_sitting_id: int) -> None:
    """Raises `NotFound` when there is no such room in a sitting, `Refused` for who may not see into it."""
    if session.get(RoomSitting, room_sitting_id) is None:
        raise NotFound("sitting")
    duty.need_room_sight(session, actor(), room_sitting_id)


def _side(session: Session, room_sitting_id: int, cards: list[monitoring.SeatCard]) -> dict[str, object]:
    entries = alert_queue.queue(session, room_sitting_id, cards, now=current_host().now())
    lines = feed.lines(session, room_sitting_id)
    return {"entries": entries, "urgent": alert_queue.urgent(entries), "lines": lines}


def drawer(room_sitting_id: int, seat_id: int, **told: str) -> str:
    """One seat's drawer; `told`: which act was done (`act`) and why it was refused (`problem`, `field`)."""
    host = current_host()
    sources = Sources(host.answers, host.presence, host.now())
    with host.db.read() as session:
        check_room(session, room_sitting_id)
        file = files.seat_file(session, actor(), room_sitting_id, seat_id, sources)
        only = [file.card.attempt] if "add_time" in file.acts and file.card.attempt else []
        lost = lost_time.proposed(session, room_sitting_id, now=host.now(), store=host.answers, only=only)
    here = {"room_sitting": room_sitting_id, "seat": seat_id, "now": host.now()}
    return render_template("monitor/seat.html", file=file, told=told, lost=lost, **here)


def give_time(signed: Signed, credit: Credit, minutes: Decimal) -> list[int] | None:
    """A time credit by hand, with the proposals that the form says it was for."""
    host, picks = current_host(), [Pick.of(value) for value in request.form.getlist("covers")]
    act, now = compensation.add_time, host.now()
    return host.db.write(act, signed, credit, minutes, covers=picks, store=host.answers, now=now)


def dialog(name: str, board: monitoring.RoomBoard, **values: object) -> str:
    """A dialog as a fragment for the script, as a page of its own without."""
    fragment = "HX-Request" in request.headers
    return render_template(f"monitor/{name}.html", board=board, fragment=fragment, **values)


def attempt_at(room_sitting_id: int, seat_id: int) -> int:
    """The attempt at a seat; raises `NotFound` for a free one."""
    host = current_host()
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id, {seat_id})
    if not cards or cards[0].attempt is None:
        raise NotFound("attempt")
    return cards[0].attempt


def _signed() -> Signed:
    return Signed(actor(), forms.text("reason"))


def _cosigned() -> Signed:
    return Signed(actor(), forms.text("reason"), guard.cosigner(request.form))
