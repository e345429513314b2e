"""What agents ask all the time (docs/protocol.md): their state, answers, the heartbeat; on the fast lane."""

import time

from flask import Blueprint

from exam_rooms import protocol as p
from exam_rooms.protocol import Route, Step
from server.db.answers import StoreUnavailable
from server.errors import Refused
from server.services import arrivals, collection
from server.services.answers import Sender
from server.web.agent_message import ANSWERS_MOST, Call
from server.web.fast_lane import lane_route

bp = Blueprint("agent_lane", __name__)


@lane_route(bp, "GET", Route.STATE)
def state(call: Call) -> p.SeatState:
    """All this seat needs to know."""
    return call.delivery.state(call.agent, call.now)


@lane_route(bp, "POST", Route.ANSWERS)
def answers(call: Call) -> p.AnswersReply:
    """A batch of records; acknowledged after they are durable."""
    host, delivery, agent = call.host, call.delivery, call.agent
    asked = call.message(p.AnswersRequest, ANSWERS_MOST)
    sender = Sender(agent.workstation, call.now, _boot_ns())
    try:
        taken = delivery.desk.take(asked.records, sender)
    except StoreUnavailable as fault:
        raise Refused("store_unavailable", 503) from fault
    host.epoch.check()  # whoever took over meanwhile does not have these records
    now = host.now()
    shown = delivery.kept(agent, now).state
    working = shown.step is Step.ANSWERING and shown.attempt == taken.attempt
    running = shown.paused is not None or (shown.deadline is not None and now < shown.deadline)
    if taken.new and not (working and running):
        delivery.links.excuse(agent.workstation, taken.attempt, now)
    refused = taken.reply.refused + arrivals.settle(host, taken, working=working, now=now)
    delivery.links.acknowledged(agent, taken.attempt, taken.reply.upto)
    return p.AnswersReply(taken.reply.upto, refused, _hint(call))


@lane_route(bp, "POST", Route.STATUS)
def status(call: Call) -> p.StatusReply:
    """The heartbeat: what waits at the seat, its clock, its journal's end."""
    host, delivery, agent, now = call.host, call.delivery, call.agent, call.now
    told = call.message(p.StatusRequest)
    before = host.presence.of(agent.workstation)
    changed = delivery.links.status(agent, told, now)
    delivery.confirmations.heard(agent, told.boot_id, told.commands)
    view = delivery.kept(agent, now, told.state_version)
    noted = None if view.room_sitting is None else (view.room_sitting, told.journal_fault)
    if noted and noted != before.fault_noted and (told.journal_fault or before.journal_fault):
        host.db.write(collection.note_journal_fault, agent, *noted, now=now)
        host.presence.report(agent.workstation, fault_noted=noted)
    if view.owes and told.waiting == 0 and told.state_version >= view.state.version:
        _settle(call, told)
    if changed and view.room_sitting is not None:
        host.events.publish([collection.seat_changed(agent, view.room_sitting, _boot_ns())])
    version = delivery.kept(agent, now).state.version
    return p.StatusReply(host.now(), version, _hint(call))


def _settle(call: Call, told: p.StatusRequest) -> None:
    host, agent = call.host, call.agent
    with host.db.read() as found:
        owed = {grant.attempt_id for grant in collection.owed_by(found, agent)}
    upto = {attempt: host.answers.contiguous(attempt) for attempt in owed}
    said = upto.get(told.attempt or 0, {}).get(told.journal, told.seq)
    if said >= told.seq:
        host.db.write(collection.settle_workstation, agent, upto, now=host.now())


def _hint(call: Call) -> int:
    """How much this agent shall slow down; its line has so much longer time to be silent."""
    hint = max(call.host.hint(), call.delivery.links.crowd)
    call.delivery.links.eased(call.agent, hint)
    return hint


def _boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
