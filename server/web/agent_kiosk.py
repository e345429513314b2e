"""The agents' HTTP interface for the workstation and for what its candidate may know (docs/protocol.md)."""

from zoneinfo import ZoneInfo

from flask import Blueprint, request
from flask_babel import force_locale
from werkzeug.wrappers import Response

from exam_rooms.kept_messages import KeptReply
from exam_rooms.kiosk_messages import BreachRequest
from exam_rooms.protocol import Route, Step
from exam_rooms.watch_messages import Taken
from server.errors import NotFound
from server.services import breaches, subject_file
from server.web.agent import agents_only, delivery, me, message, reply
from server.web.guard import current_host
from server.web.language import LOCALES, SOURCE
from server.web.subject_words import sections

bp = Blueprint("agent_kiosk", __name__)


@bp.post(Route.BREACHES)
@agents_only
def take_breaches() -> Response:
    """What should not happen at this seat, and has; acknowledged once it is on the record."""
    host, asked = current_host(), message(BreachRequest)
    host.db.write(breaches.take, me(), asked, now=host.now())
    return reply(Taken(hint=host.answers.pressure()))


@bp.get(Route.KEPT)
@agents_only
def kept() -> Response:
    """What is kept about the candidate who is signed in here; `lang` in the query: zh or en.

    While the test goes on incidents and who looked are left out (`subject_words.sections`).
    """
    host = current_host()
    shown = delivery().view(me(), host.now()).state
    if shown.attempt is None or shown.candidate is None:
        raise NotFound("attempt")
    with host.db.read() as session:
        file = subject_file.of_attempt(session, shown.attempt)
    with force_locale(LOCALES.get(request.args.get("lang", ""), LOCALES[SOURCE])):
        answering = shown.step is Step.ANSWERING
        return reply(KeptReply(sections(file, ZoneInfo(host.settings.timezone), answering=answering)))
