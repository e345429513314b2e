"""The HTTP interface of room cameras (docs/protocol.md): heads in, orders out, pictures when asked for.

Pictures pass through as they are: nothing of them is decoded in this process.
"""

import base64
from dataclasses import replace

from flask import Blueprint, g, request
from werkzeug.wrappers import Response

from exam_rooms import protocol as p
from exam_rooms import watch_messages as w
from exam_rooms.room_camera_messages import RoomCameraReport, RoomPairReply
from exam_rooms.routes import Route
from server.errors import Refused
from server.services import evidence, room_cameras, room_frames
from server.services.agents import Agent
from server.services.evidence import JPEG
from server.web.agent import bearer, check_version, delivery, message, paired_by, reply
from server.web.agent_message import DOOR_MOST
from server.web.guard import agent_authenticated, current_host

bp = Blueprint("agent_room", __name__)


def authenticate() -> None:
    """Puts the camera's agent of the bearer token into `g`. Raises `StrangeAgent`."""
    g.room_camera = delivery().camera_door.admit(bearer(), current_host().now())


cameras_only = agent_authenticated(authenticate)


def me() -> Agent:
    """The authenticated camera of this request; its number is `workstation`."""
    agent = g.room_camera
    assert isinstance(agent, Agent)
    return agent


@bp.post(Route.ROOM_PAIR)
def pair() -> Response:
    """A new camera proves its one-time code and leaves its key."""
    paired, key = paired_by(room_cameras.pair), current_host().site.public_key
    return reply(RoomPairReply(paired.camera, paired.room, base64.b64encode(key).decode()))


@bp.post(Route.ROOM_CHALLENGE)
def challenge() -> Response:
    """A nonce to sign."""
    return reply(p.Challenge(delivery().camera_door.challenge(current_host().now())))


@bp.post(Route.ROOM_SESSION)
def session() -> Response:
    """A bearer token for who signs the nonce with a paired camera's key."""
    check_version()
    now = current_host().now()
    token, expires = delivery().camera_door.open_session(message(p.SessionRequest, DOOR_MOST), now)
    return reply(p.SessionReply(token, expires, now))


@bp.post(Route.ROOM_REPORT)
@cameras_only
def report() -> Response:
    """One look: where heads are."""
    host, told = current_host(), message(RoomCameraReport)
    orders = delivery().room_cameras.report(me(), told, now=host.now())
    return reply(replace(orders, hint=host.hint()))


@bp.post(Route.ROOM_PICTURE)
@cameras_only
def picture() -> Response:
    """A picture that was asked for (`ref` in the query), the body; empty when there is none any more."""
    host, agent = current_host(), me()
    ref, watch = request.args.get("ref", "")[:40], delivery().room_cameras
    try:
        data = _body()
        if watch.take_still(agent.workstation, ref, data):
            return reply(w.Taken(hint=host.hint()))
        with host.db.read() as found:
            row, name, sha256 = room_frames.awaited(found, agent, ref, data)
    except Refused:
        watch.taken(agent.workstation, ref)  # asked for again it would be refused again, before all others
        raise
    if name:
        host.native.call(evidence.keep, host.vault, host.evidence, name, data)
    host.db.write(room_frames.arrived, row, name, sha256, now=host.now())
    watch.taken(agent.workstation, ref)
    return reply(w.Taken(hint=host.hint()))


def _body() -> bytes:
    """The picture of this request."""
    request.max_content_length = room_frames.PICTURE_MOST
    if (request.content_length or 0) > room_frames.PICTURE_MOST:
        raise Refused("frame_too_large", 413, limit_kb=room_frames.PICTURE_MOST >> 10)
    data = request.get_data(cache=False)
    if data and not data.startswith(JPEG):
        raise Refused("frame_not_jpeg", 422)
    return data
