"""The sign-in desk of a room: find, look, compare, confirm, decide; usable with a scanner and few keys.

The page is one list and one place for the person at the desk. Every act answers with that place anew, as a
fragment for the page's script and as a whole page without it.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, make_response, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from exam_rooms.desk import Face
from exam_rooms.drawing import drawing
from exam_rooms.seats import PRESENT
from exam_rooms.watching import WatchRules
from exam_rooms.wire import encode
from server.access import Permission
from server.db.rooms import Room
from server.db.sittings import Registration
from server.errors import Forbidden, NotFound, Refused
from server.services import desk, desk_find, desk_pictures, desk_walkins, rooms, roomstate, rosters
from server.services.desk import Looked, Place
from server.services.desk_find import Person
from server.services.duty import need_duty_to_look
from server.services.pairing import free_seats
from server.services.signed import Signed
from server.web import forms, guard, language
from server.web.desk_words import GLOBALS
from server.web.guard import actor, current_host, requires

bp = Blueprint("desk", __name__)
JOB = "compare_at_desk"
AT_ONCE = threading.BoundedSemaphore(2)
"""Comparisons at a time: each is a child of its own."""
CAMERA_POLICY = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
"""The one page of staff that uses a camera."""


@bp.record_once
def _words(state: Any) -> None:  # noqa: ANN401 - Flask's setup state has no public type
    state.app.jinja_env.globals.update(GLOBALS)


@bp.get("/monitor/<int:room_sitting_id>/desk")
@requires(Permission.ADMIT_CANDIDATES)
def page(room_sitting_id: int) -> Response:
    """The desk with nobody before it."""
    return _page(room_sitting_id)


@bp.get("/monitor/<int:room_sitting_id>/desk/people")
@requires(Permission.ADMIT_CANDIDATES)
def people(room_sitting_id: int) -> str:
    """Who has come and who is missing, as a fragment."""
    with current_host().db.read() as session:
        desk_find.room_of(session, room_sitting_id)
        _need_duty(session, room_sitting_id)
        return render_template("desk/people.html", **_list(session, room_sitting_id))


@bp.post("/monitor/<int:room_sitting_id>/desk/find")
@requires(Permission.ADMIT_CANDIDATES)
def find(room_sitting_id: int) -> Response:
    """The person that was scanned or typed; a number must not stand in an address."""
    host = current_host()
    try:
        with host.db.read() as session:
            typed = request.form.get("typed", "")
            found = desk_find.find(session, actor(), room_sitting_id, typed, now=host.now())
        if found.method == "id":
            place = Place(room_sitting_id, found.registration, found.method)
            host.db.write(desk_find.note_looked_up, actor(), place, now=host.now())
    except (Forbidden, Refused) as refusal:
        return _page(room_sitting_id, refusal=refusal)
    return _page(room_sitting_id, found)


@bp.post("/monitor/<int:room_sitting_id>/desk/<int:registration>/look")
@requires(Permission.ADMIT_CANDIDATES)
def look(room_sitting_id: int, registration: int) -> Response:
    """The candidate's answer about face comparison, with the picture when it is yes."""

    def act(place: Place) -> None:
        host, answer = current_host(), forms.text("consent")
        looked = _looked(place, answer)
        host.db.write(desk.look, actor(), place, looked, now=host.now())

    return _acted(room_sitting_id, registration, act)


@bp.post("/monitor/<int:room_sitting_id>/desk/<int:registration>/pass")
@requires(Permission.ADMIT_CANDIDATES)
def passed(room_sitting_id: int, registration: int) -> Response:
    """It is this person."""

    def act(place: Place) -> None:
        current_host().db.write(desk.passed, _signed(), place, now=current_host().now())

    return _acted(room_sitting_id, registration, act)


@bp.post("/monitor/<int:room_sitting_id>/desk/<int:registration>/doubt")
@requires(Permission.ADMIT_CANDIDATES)
def doubt(room_sitting_id: int, registration: int) -> Response:
    """Perhaps it is not."""

    def act(place: Place) -> None:
        current_host().db.write(desk.doubt, _signed(), place, now=current_host().now())

    return _acted(room_sitting_id, registration, act)


@bp.post("/monitor/<int:room_sitting_id>/desk/<int:registration>/decide")
@requires(Permission.ADMIT_CANDIDATES)
def decide(room_sitting_id: int, registration: int) -> Response:
    """The chief and a second member of staff decide on a doubt."""

    def act(place: Place) -> None:
        outcome = forms.text("outcome")
        current_host().db.write(desk.decide, _signed(), place, outcome, now=current_host().now())

    return _acted(room_sitting_id, registration, act)


@bp.post("/monitor/<int:room_sitting_id>/desk/<int:registration>/late")
@requires(Permission.ADMIT_CANDIDATES)
def late(room_sitting_id: int, registration: int) -> Response:
    """The door was closed."""

    def act(place: Place) -> None:
        current_host().db.write(desk.turn_away, actor(), place, now=current_host().now())

    return _acted(room_sitting_id, registration, act)


@bp.post("/monitor/<int:room_sitting_id>/desk/<int:registration>/take-back")
@requires(Permission.ADMIT_CANDIDATES)
def take_back(room_sitting_id: int, registration: int) -> Response:
    """A sign-in entered by mistake."""

    def act(place: Place) -> None:
        current_host().db.write(desk.take_back, _signed(), place, now=current_host().now())

    return _acted(room_sitting_id, registration, act)


@bp.post("/monitor/<int:room_sitting_id>/desk/<int:registration>/paper")
@requires(Permission.ADMIT_CANDIDATES)
def paper(room_sitting_id: int, registration: int) -> Response:
    """Signed on paper before; entered now."""

    def act(place: Place) -> None:
        on_paper = Place(place.room_sitting, place.registration, "paper", forms.moment("at"))
        current_host().db.write(desk.passed, _signed(), on_paper, now=current_host().now())

    return _acted(room_sitting_id, registration, act)


@bp.post("/monitor/<int:room_sitting_id>/desk/<int:registration>/move-here")
@requires(Permission.ADMIT_CANDIDATES)
def move_here(room_sitting_id: int, registration: int) -> Response:
    """A candidate of another room gets a seat here."""

    def act(place: Place) -> None:
        wanted = (place.registration, forms.whole("seat"))
        signed = _signed(Permission.COSIGN)
        current_host().db.write(
            desk_walkins.move_here, signed, place.room_sitting, wanted, now=current_host().now()
        )

    return _acted(room_sitting_id, registration, act)


@bp.get("/monitor/<int:room_sitting_id>/desk/<int:registration>/photo")
@requires(Permission.ADMIT_CANDIDATES)
def photo(room_sitting_id: int, registration: int) -> Response:
    """The registration photo of a candidate of this sitting."""
    with current_host().db.read() as session:
        _need_duty(session, room_sitting_id)
        row = session.get(Registration, registration)
        if row is None or row.sitting_id != desk_find.room_of(session, room_sitting_id).sitting_id:
            raise NotFound("candidate")
        data = rosters.photo_of(session, row)
    if data is None:
        raise NotFound("photo")
    return Response(data, mimetype="image/jpeg")


@bp.get("/monitor/<int:room_sitting_id>/desk/signins/<int:signin>/picture")
@requires(Permission.ADMIT_CANDIDATES)
def picture(room_sitting_id: int, signin: int) -> Response:
    """The sealed picture of a sign-in; that it was looked at stands on the record."""
    host = current_host()
    data = host.db.write(desk_pictures.view, actor(), room_sitting_id, signin, now=host.now())
    return Response(data, mimetype="image/jpeg")


# --- the parts -----------------------------------------------------------------------------------------


def _looked(place: Place, answer: str) -> Looked:
    """What the camera gave, compared in a child; the picture itself is not decoded here."""
    if answer == "no":
        return Looked(False, Face.DECLINED)
    if answer == "none":
        return Looked(None, Face.UNAVAILABLE)
    if answer != "yes":
        raise Refused("desk_consent_not_asked", 422, field="consent")
    taken = forms.upload("picture").data
    desk_pictures.check_picture(taken)
    return _compared(place, taken)


def _compared(place: Place, taken: bytes) -> Looked:
    host = current_host()
    with host.db.read() as session:
        room = roomstate.load(session, place.room_sitting)
        row = session.get(Registration, place.registration)
        registered = rosters.photo_of(session, row) if row is not None else None
    if registered is None:
        return Looked(True, Face.NO_PHOTO, picture=taken)
    rules = room.policy.watching or WatchRules()
    payload = {"photo": registered, "picture": taken, "rules": encode(rules)}
    try:
        with AT_ONCE:
            told = host.jobs.run(JOB, payload)
    except Refused:
        return Looked(True, Face.UNAVAILABLE, picture=taken)
    return Looked(True, Face(told["face"]), told["similarity"], told["models"], taken)


def _signed(*permissions: Permission) -> Signed:
    """The person at the desk, with the second one where the form names one."""
    second = None
    if request.form.get("cosign_username"):
        second = guard.cosigner(request.form, *(permissions or (Permission.ADMIT_CANDIDATES,)))
    return Signed(actor(), forms.text("reason"), second)


def _acted(room_sitting_id: int, registration: int, act: Callable[[Place], None]) -> Response:
    """Does an act and shows the person again, with the reason where it was refused."""
    place = Place(room_sitting_id, registration, forms.text("method") or "number")
    host, refusal, now = current_host(), None, current_host().now()
    try:
        act(place)
    except NotFound:
        raise
    except Refused as why:
        refusal = why
    with host.db.read() as session:
        found = desk_find.person(session, actor(), place, now=now)
    return _page(room_sitting_id, found, refusal=refusal)


def _page(room_sitting_id: int, found: Person | None = None, *, refusal: Refused | None = None) -> Response:
    """The desk with a person, or the person's place alone for the script."""
    host, fragment = current_host(), "HX-Request" in request.headers
    with host.db.read() as session:
        row = desk_find.room_of(session, room_sitting_id)
        _need_duty(session, room_sitting_id)
        room = session.get_one(Room, row.room_id)
        state = roomstate.load(session, room_sitting_id)
        values: dict[str, object] = {
            "room_sitting": room_sitting_id,
            "person": found,
            "room": room.name,
            "rules": state.policy.desk,
            "picture": drawing(rooms.map_of(room)),
            "problem_code": refusal.code if refusal else "",
            "problem_text": forms.sentence_of(refusal.code, _readable(refusal)) if refusal else "",
            "problem_field": refusal.params.get("field", "") if refusal else "",
            "now": host.now(),
            "spare": free_seats(session, room_sitting_id)
            if found is not None and found.stage in ("elsewhere", "unseated")
            else [],
        }
        if not fragment:
            values |= _list(session, room_sitting_id)
    response = make_response(render_template("desk/person.html" if fragment else "desk/page.html", **values))
    if refusal is not None:
        response.status_code = refusal.status
    response.headers["Permissions-Policy"] = CAMERA_POLICY
    return response


def _need_duty(session: Session, room_sitting_id: int) -> None:
    """The desk, its list and its photos are for who may sign in candidates in this room."""
    need_duty_to_look(session, actor(), Permission.ADMIT_CANDIDATES, room_sitting_id)


def _readable(refusal: Refused) -> dict[str, object]:
    """The parameters with moments as people read them."""
    zone = ZoneInfo(current_host().settings.timezone)
    params: dict[str, object] = dict(refusal.params)
    for name in params.keys() & {"at", "starts_at"}:
        params[name] = language.moment(datetime.fromisoformat(str(params[name])), zone=zone)
    return params


def _list(session: Session, room_sitting_id: int) -> dict[str, object]:
    found = desk_find.people(session, room_sitting_id)
    came = [each for each in found if each.mark in ("passed", "no_compare", "paper")]
    missing = [each for each in found if not each.mark and each.state in ("assigned", "absent")]
    open_ones = [each for each in found if each.mark in ("doubt", "refused", "late")]
    return {
        "room_sitting": room_sitting_id,
        "everybody": found,
        "came": came,
        "missing": missing,
        "seated": [each for each in found if each.state in PRESENT],
        "open": open_ones,
    }
