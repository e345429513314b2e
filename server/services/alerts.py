"""Alerts of seat cameras: an agent tells that an episode began or ended; invigilators look, and decide.

Nothing here judges anybody. One episode is told once however often it is sent; stamps are the agent's boot
clock, placed on the server's clock as late records are.
"""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.watch_messages import AlertRequest, Taken
from exam_rooms.watching import CAMERA_KINDS
from proctoring.gallery import Found
from server.errors import Refused
from server.rules import observed
from server.services import gallery
from server.services.agents import Agent
from server.services.boot_clocks import placed
from server.services.consent import check_moment, left_at, watched
from server.services.evidence import Subject, announce
from server.services.incidents import Episode, Place, end_episode, of_episode, raise_episode
from server.services.steady import kept_boot

_NAME = "AlertRequest"


def take_alert(  # noqa: PLR0913 - the message, what was found about it, and the two clocks
    session: Session,
    agent: Agent,
    asked: AlertRequest,
    found: Found | None = None,
    *,
    now: datetime,
    boot_ns: int,
) -> Taken:
    """Puts an episode on the record and announces its pictures; sent again it changes nothing.

    A new episode of a kind that still waits for a person joins that incident. An end without a beginning
    is an episode that began and ended. What was decided while the candidate was not at this seat, or had
    not agreed, is refused; the end of a known one never. `found`: whose face `gallery.find` says it is, which
    makes a FACE_MISMATCH a SEAT_SWAP: still one alert of the seat, ended under the same name. `boot_ns`: this
    machine's boot clock now, in nanoseconds.
    """
    gallery.lock_both(session, asked, found)
    seen = watched(session, agent, asked.attempt)
    kind = _kind(asked.kind)
    if seen.attempt.answering_at is None:
        raise Refused("alert_not_now", state=seen.attempt.state)
    name = observed.episode_name(asked.episode, _NAME)
    place = Place(seen.attempt.room_sitting_id, agent.seat, seen.attempt.id)
    since = placed(session, agent.workstation, asked.boot_id, asked.since_ns, now=now)
    at = placed(session, agent.workstation, asked.boot_id, asked.boot_ns, now=now)
    row = of_episode(session, place, kind, name)
    if row is None:
        check_moment(session, agent, seen.attempt, at)
        swap = gallery.swap_of(session, seen, found)
        details = _details(asked) | swap
        episode = Episode(name, min(since, at), details, _cause(session, asked, boot_ns))
        row = raise_episode(session, place, IncidentKind.SEAT_SWAP if swap else kind, episode, now=at)
        gallery.keep_probe(session, row, asked, seen, at)
        if swap:
            gallery.complete_other(session, row, seen, now=at)
    if asked.closed:
        gone = left_at(session, seen.attempt, agent)  # an agent hears of a move a little later
        end_episode(session, row, name, now=min(since, gone) if gone else since)
    subject = Subject(seen, "alert", asked.boot_id, incident=row.id)
    return Taken(announce(session, agent, subject, asked.frames, now=now))


def _kind(text: str) -> IncidentKind:
    if text not in CAMERA_KINDS:
        raise observed.malformed(_NAME, "kind")
    return IncidentKind(text)


def _details(asked: AlertRequest) -> dict[str, Any]:
    details: dict[str, Any] = {
        "scores": observed.score_values(asked.scores, _NAME),
        "models": observed.model_names(asked.models, _NAME),
    }
    note = observed.note_values(asked.note, _NAME)
    return details | ({"note": note} if note else {})


def _cause(session: Session, asked: AlertRequest, boot_ns: int) -> int:
    """When the agent decided, on this machine's boot clock; 0 when it runs on another machine."""
    here = 0 < asked.boot_ns <= boot_ns and kept_boot(session, asked.boot_id) is not None
    return asked.boot_ns if here else 0
