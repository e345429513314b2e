"""The agents' HTTP interface (docs/protocol.md): pairing, session, state, acts, answers, heartbeat."""

import base64
import time
from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, g, jsonify, make_response, request
from werkzeug.wrappers import Response

from exam_rooms import protocol as p
from exam_rooms.pairing import SECRET_BYTES, unspell
from exam_rooms.protocol import Route, Step
from exam_rooms.rescue import RescuedJournal, RescueReply
from exam_rooms.wire import WireError, decode, encode
from server.access import SYSTEM
from server.db.answers import StoreUnavailable
from server.db.papers import Package
from server.db.sittings import Attempt, Registration
from server.errors import NotFound, Refused
from server.services import arrivals, attempts, collection, packages, pairing, rescue, rosters, stream
from server.services.agents import Agent, StrangeAgent
from server.services.answers import Sender
from server.services.delivery import Delivery, delivery_of
from server.services.seat_state import SeatView
from server.services.seb import need_proof
from server.services.signin import sign_in as sign_in_service
from server.web.guard import agent_authenticated, current_host

bp = Blueprint("agent", __name__)
M = TypeVar("M")
T = TypeVar("T")
DOOR_MOST = 4 << 10
"""Bytes of a message from a stranger: nobody has proved anything yet."""
MESSAGE_MOST = 64 << 10
"""Bytes of any other message but answers."""
ANSWERS_MOST = 1 << 20
"""Bytes of a batch of records: the most that docs/protocol.md allows, each as long as it may be."""
RESCUE_MOST = 16 << 20
"""Bytes of a rescue file."""
_KEY_BYTES = 32


def delivery() -> Delivery:
    """The live process's memory of its agents."""
    return delivery_of(current_host())


def authenticate() -> None:
    """Puts the agent of the bearer token into `g`. Raises `StrangeAgent`."""
    token, now = bearer(), current_host().now()
    g.agent = delivery().door.admit(token, now)
    delivery().links.heard(g.agent, now)


def bearer() -> str:
    """The token that a request of this protocol's version brings. Raises `StrangeAgent`, `Refused`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        raise StrangeAgent("token_missing")
    check_version()
    return token


def check_version() -> None:
    """An agent of another protocol version is told so before anything else."""
    spoken = request.headers.get(p.VERSION_HEADER, str(p.VERSION))
    if spoken != str(p.VERSION):
        raise Refused("protocol_version", 426, spoken=spoken, needed=p.VERSION)


def message(kind: type[M], most: int = MESSAGE_MOST) -> M:
    """The request's body as a message; anything else is refused by the field's name. `most`: bytes."""
    try:
        return decode(kind, _json(most))
    except WireError as fault:
        raise Refused("message_malformed", 400, message=fault.message, fault=fault.fault) from fault


def _json(most: int) -> object:
    """The body's JSON, None for what is none.

    Refused by its announced length before a byte of it is read; without one it is cut off beyond the limit.
    """
    request.max_content_length = most
    if (request.content_length or 0) > most:
        raise Refused("message_too_large", 413, limit_kb=most >> 10)
    try:
        return request.get_json(force=True, silent=True)
    except RecursionError:  # brackets without end
        return None


def reply(body: object, status: int = 200) -> Response:
    """A message as JSON."""
    response: Response = jsonify(encode(body))
    response.status_code = status
    return response


def me() -> Agent:
    """The authenticated agent of this request."""
    agent = g.agent
    assert isinstance(agent, Agent)
    return agent


agents_only = agent_authenticated(authenticate)


# --- identity ----------------------------------------------------------------------------------------


@bp.post(Route.PAIR)
def pair() -> Response:
    """A new workstation proves its one-time code and leaves its key (design D20)."""
    paired, site = paired_by(pairing.pair), current_host().site
    keys = [base64.b64encode(key).decode() for key in (site.public_key, site.rescue_public)]
    return reply(p.PairReply(paired.workstation, paired.room, paired.seat, *keys))


def paired_by(pair: Callable[..., T]) -> T:
    """What a service makes of the code and key that a stranger brings; failed tries of an address count."""
    check_version()
    host, moment = current_host(), time.monotonic()
    key = f"pair|{request.remote_addr}"
    if delivery().tries.wait_seconds(key, moment) > 0:
        raise Refused("too_many_tries", 429, minutes=5)
    try:
        secret, agent_key = _pairing_of(message(p.PairRequest, DOOR_MOST))
        return host.db.write(pair, secret, agent_key, now=host.now())
    except Refused:
        delivery().tries.failed(key, moment)
        raise


def _pairing_of(asked: p.PairRequest) -> tuple[bytes, pairing.AgentKey]:
    """The one-time secret and the agent's key out of the request's texts."""
    secret, public_key = _secret(asked.secret), _b64(asked.public_key)
    if len(secret) != SECRET_BYTES or len(public_key) != _KEY_BYTES:
        raise Refused("message_malformed", 400, message="PairRequest", fault="key")
    return secret, pairing.AgentKey(public_key, asked.hostname, asked.software)


@bp.post(Route.CHALLENGE)
def challenge() -> Response:
    """A nonce to sign."""
    return reply(p.Challenge(delivery().door.challenge(current_host().now())))


@bp.post(Route.SESSION)
def session() -> Response:
    """A bearer token for who signs the nonce with a paired seat's key."""
    check_version()
    now = current_host().now()
    asked = message(p.SessionRequest, DOOR_MOST)
    token, expires = delivery().door.open_session(asked, now)
    delivery().seb.forget(asked.workstation)
    return reply(p.SessionReply(token, expires, now))


# --- the candidate's way to the paper ---------------------------------------------------------------


@bp.get(Route.STATE)
@agents_only
def state() -> Response:
    """All this seat needs to know."""
    return _state()


@bp.post(Route.SIGN_IN)
@agents_only
def sign_in() -> Response:
    """Ticket and ID number."""
    host, asked = current_host(), message(p.SignInRequest)
    need_proof(_view().state.seb)
    key, moment = f"seat|{me().workstation}", time.monotonic()
    wait = delivery().tries.begin(key, moment)
    if wait > 0:
        raise Refused("too_many_tries", 429, minutes=int(wait // 60) + 1)
    try:
        outcome = host.db.write(sign_in_service, me(), _view().room_sitting, asked, now=host.now())
    except Refused:  # a fault of the moment, no guess
        delivery().tries.take_back(key, moment)
        raise
    if outcome.code:
        raise Refused(outcome.code, 409, **outcome.params)
    delivery().tries.succeeded(key)
    return _state()


@bp.post(Route.CONFIRM)
@agents_only
def confirm() -> Response:
    """This is me, or not."""
    host, asked = current_host(), message(p.ConfirmRequest)
    host.db.write(attempts.confirm, me(), _room_sitting(), asked.is_me, now=host.now())
    return _state()


@bp.post(Route.ACCEPT)
@agents_only
def accept() -> Response:
    """Rules, pledge, and the free choice about face comparison."""
    host, asked = current_host(), message(p.AcceptRequest)
    host.db.write(attempts.accept, me(), _room_sitting(), asked, now=host.now())
    return _state()


@bp.get(Route.PHOTO)
@agents_only
def photo() -> Response:
    """The registered photo of the candidate who signed in here."""
    shown = _view().state
    if shown.candidate is None or shown.attempt is None:
        raise NotFound("photo")
    with current_host().db.read() as found:
        attempt = found.get_one(Attempt, shown.attempt)
        data = rosters.photo_of(found, found.get_one(Registration, attempt.registration_id))
    if data is None:
        raise NotFound("photo")
    return Response(data, mimetype="image/jpeg")


@bp.get(Route.PACKAGE)
@agents_only
def package() -> Response:
    """The sealed package of this seat's sitting."""
    room_sitting = _room_sitting()
    with current_host().db.read() as found:
        row: Package | None = packages.current(found, room_sitting)
        if row is None:
            raise NotFound("package")
        response = make_response(row.data)
        response.set_etag(row.sha256)
    response.mimetype = "application/octet-stream"
    return response.make_conditional(request)


# --- answers -----------------------------------------------------------------------------------------


@bp.post(Route.JOURNALS)
@agents_only
def journals() -> Response:
    """A journal number, the attempt's key and what was answered before."""
    host, asked = current_host(), message(p.JournalRequest)
    need_proof(_view().state.seb)
    events = host.answers.events(asked.attempt)
    end = stream.tail(events)
    grant = host.db.write(attempts.open_journal, me(), asked.attempt, end, now=host.now())
    key = base64.b64encode(host.vault.attempt_key(asked.attempt)).decode()
    earlier = tuple(stored.record for stored in events)
    return reply(p.JournalReply(asked.attempt, grant.journal, grant.parent, key, earlier))


@bp.post(Route.ANSWERS)
@agents_only
def answers() -> Response:
    """A batch of records; acknowledged after they are durable."""
    host = current_host()
    asked = message(p.AnswersRequest, ANSWERS_MOST)
    sender = Sender(me().workstation, host.now(), time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    try:
        taken = delivery().desk.take(asked.records, sender)
    except StoreUnavailable as fault:
        raise Refused("store_unavailable", 503) from fault
    refused, shown = taken.reply.refused, _view().state
    working = shown.step is Step.ANSWERING and shown.attempt == taken.attempt
    running = shown.paused is not None or (shown.deadline is not None and host.now() < shown.deadline)
    in_time = working and running
    if taken.new and not in_time:
        delivery().links.excuse(me().workstation, taken.attempt, host.now())
    refused += arrivals.settle(host, taken, working=working, now=host.now())
    delivery().links.acknowledged(me(), taken.attempt, taken.reply.upto)
    return reply(p.AnswersReply(taken.reply.upto, refused, _hint()))


@bp.post(Route.RESCUE)
@agents_only
def rescued() -> Response:
    """Journals of an earlier pairing of this machine, as a rescue file; the reply names what is durable."""
    host = current_host()
    if (request.content_length or 0) > RESCUE_MOST:
        raise Refused("message_too_large", 413, limit_kb=RESCUE_MOST >> 10)
    request.max_content_length = RESCUE_MOST
    file = rescue.opened(host, request.get_data())
    if me().workstation not in file.signers:
        raise Refused("rescue_not_signed", 403)
    errand = rescue.Errand(SYSTEM)
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    try:
        made = rescue.take_in(host, file, errand, now=host.now(), boot_ns=boot_ns)
    except StoreUnavailable as fault:
        raise Refused("store_unavailable", 503) from fault
    known = sum(line.known for line in made.journals)
    return reply(RescueReply(made.taken, known, tuple(map(_rescued_journal, made.journals_taken))))


def _rescued_journal(line: rescue.JournalReport) -> RescuedJournal:
    refused = tuple(p.RefusedRecord(line.journal, seq, code) for seq, code in line.refused)
    return RescuedJournal(line.attempt, line.journal, line.upto, refused)


@bp.post(Route.STATUS)
@agents_only
def status() -> Response:
    """The heartbeat: what waits at the seat, its clock, its journal's end."""
    host, told = current_host(), message(p.StatusRequest)
    now = host.now()
    before = host.presence.of(me().workstation)
    changed = delivery().links.status(me(), told, now)
    delivery().confirmations.heard(me(), told.boot_id, told.commands)
    view = delivery().kept(me(), now)
    noted = None if view.room_sitting is None else (view.room_sitting, told.journal_fault)
    if noted and noted != before.fault_noted and (told.journal_fault or before.journal_fault):
        host.db.write(collection.note_journal_fault, me(), *noted, now=now)
        host.presence.report(me().workstation, fault_noted=noted)
    if view.owes and told.waiting == 0 and told.state_version >= view.state.version:
        _settle(told)
    if changed and view.room_sitting is not None:
        cause = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        host.events.publish([collection.seat_changed(me(), view.room_sitting, cause)])
    version = delivery().kept(me(), now).state.version
    return reply(p.StatusReply(host.now(), version, _hint()))


def _settle(told: p.StatusRequest) -> None:
    host = current_host()
    with host.db.read() as found:
        owed = {grant.attempt_id for grant in collection.owed_by(found, me())}
    upto = {attempt: host.answers.contiguous(attempt) for attempt in owed}
    said = upto.get(told.attempt or 0, {}).get(told.journal, told.seq)
    if said >= told.seq:
        host.db.write(collection.settle_workstation, me(), upto, now=host.now())


@bp.get(Route.RECEIPT)
@agents_only
def receipt() -> Response:
    """The signed head of the candidate's stream."""
    host, attempt = current_host(), _view().state.attempt
    if attempt is None:
        raise NotFound("attempt")
    events = host.answers.events(attempt)
    end, answered = stream.tail(events), len(stream.last_answers(events))
    made = host.db.write(attempts.receipt, attempt, end, answered, host.site.signing_key)
    return reply(made)


# --- small parts -------------------------------------------------------------------------------------


def _hint() -> int:
    """How much this agent shall slow down; its line has so much longer time to be silent."""
    hint = current_host().hint()
    delivery().links.eased(me(), hint)
    return hint


def _view() -> SeatView:
    return delivery().view(me(), current_host().now())


def _state() -> Response:
    return reply(_view().state)


def _room_sitting() -> int:
    room_sitting = _view().room_sitting
    if room_sitting is None:
        raise NotFound("sitting")
    return room_sitting


def _b64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return b""


def _secret(text: str) -> bytes:
    try:
        return unspell(text)
    except ValueError:
        return b""
