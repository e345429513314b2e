"""The agents' HTTP interface for cameras (docs/protocol.md): enrolments, alerts, captures, pictures, looks.

Pictures pass through as they are: nothing of them is decoded in this process. Sealing and writing them
happens in native threads, their row is written after, and only then the agent is told.
"""

import time
from dataclasses import replace

from flask import Blueprint, request
from werkzeug.wrappers import Response

from exam_rooms import watch_messages as w
from exam_rooms.protocol import Route
from server.errors import NotFound, Refused
from server.rules.observed import FRAME_MOST
from server.services import alerts, captures, enrolments, evidence, gallery, look_logs, warnings
from server.services.looks import LOOK_MOST
from server.web.agent import agents_only, delivery, me, message, reply
from server.web.guard import current_host

bp = Blueprint("agent_watch", __name__)


@bp.post(Route.ENROLMENT)
@agents_only
def enrolment() -> Response:
    """Who sits at this seat."""
    host, asked = current_host(), message(w.EnrolmentRequest)
    return _taken(host.db.write(enrolments.enrol, me(), asked, now=host.now()))


@bp.post(Route.ALERT)
@agents_only
def alert() -> Response:
    """An episode began or ended; a face that does not match is looked for in the room first."""
    host, asked = current_host(), message(w.AlertRequest)
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    found = None
    if gallery.probe_of(asked) is not None:
        with host.db.read() as session:
            search = gallery.search_for(session, me(), asked)
        found = host.native.call(gallery.find, host.vault, search) if search else None
    return _taken(host.db.write(alerts.take_alert, me(), asked, found, now=host.now(), boot_ns=boot_ns))


@bp.post(Route.CAPTURE)
@agents_only
def capture() -> Response:
    """A random picture and what the seat saw in it."""
    host, asked = current_host(), message(w.CaptureRequest)
    return _taken(host.db.write(captures.take_capture, me(), asked, now=host.now()))


@bp.post(Route.LOOKS)
@agents_only
def looks() -> Response:
    """A batch of the log of looks."""
    host, asked = current_host(), message(w.LookLog)
    return _taken(host.db.write(look_logs.take, me(), asked, now=host.now()))


@bp.post(Route.FRAMES)
@agents_only
def frames() -> Response:
    """One announced picture, the body; `sha256` in the query. Acknowledged once it is durable."""
    host, agent, data = current_host(), me(), _body(FRAME_MOST)
    sha256 = request.args.get("sha256", "")
    with host.db.read() as session:
        names = evidence.awaited(session, agent, sha256, data)
    for name in names:
        host.native.call(evidence.keep, host.vault, host.evidence, name, data)
    if names:
        host.db.write(evidence.arrived, agent, sha256, names, now=host.now())
    return _taken(w.Taken())


@bp.post(Route.LOOK)
@agents_only
def look() -> Response:
    """The picture somebody asked for, the body; empty when the camera gives none."""
    host, data = current_host(), _body(LOOK_MOST)
    plan = delivery().state(me(), host.now()).watch
    if plan is None:
        raise Refused("room_without_cameras")
    if plan.manual:
        raise Refused("no_face_consent", 403)
    delivery().looks.put(me().workstation, request.args.get("ref", ""), data, host.now())
    return _taken(w.Taken())


@bp.post(Route.WARNING_READ)
@agents_only
def warning_read() -> Response:
    """The candidate has read a warning; the seat's new state."""
    host, asked = current_host(), message(w.WarningReadRequest)
    room_sitting = delivery().view(me(), host.now()).room_sitting
    if room_sitting is None:
        raise NotFound("sitting")
    host.db.write(warnings.confirm_read, me(), room_sitting, asked.warning, now=host.now())
    return reply(delivery().state(me(), host.now()))


def _body(most: int) -> bytes:
    """The raw body; refused by its announced length before a byte of it is read, or cut off beyond it."""
    request.max_content_length = most
    if (request.content_length or 0) > most:
        raise Refused("frame_too_large", 413, limit_kb=most >> 10)
    return request.get_data(cache=False)


def _taken(taken: w.Taken) -> Response:
    return reply(replace(taken, hint=current_host().hint()))
