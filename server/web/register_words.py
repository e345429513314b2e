"""Who stands in the register of persons, in the reader's language."""

from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from server.services.person_register import Listed
from server.web import language
from server.web.guard import current_host, say


def registered_text(listed: Listed) -> str:
    """One registered person among candidates, as a sentence."""
    until = str(_("长期"))
    if listed.until is not None:
        zone = ZoneInfo(current_host().settings.timezone)
        until = str(_("至 %(time)s", time=language.moment(listed.until, zone)))
    said = {"name": listed.name, "ticket": listed.ticket, "article": listed.article, "text": listed.text}
    return say("registered_person", {**said, "until": until})
