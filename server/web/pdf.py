"""A finished file on its way to the browser, and the zone in which documents tell times."""

from urllib.parse import quote
from zoneinfo import ZoneInfo

from werkzeug.wrappers import Response

from server.services.printed_at import At
from server.web.guard import current_host


def attachment(data: bytes, name: str, kind: str = "application/pdf") -> Response:
    """A finished file, a PDF unless `kind` says otherwise, under its name; kept nowhere."""
    response = Response(data, mimetype=kind)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response


def printed_now() -> At:
    """This moment on the site's clock."""
    host = current_host()
    return At(host.now(), ZoneInfo(host.settings.timezone))
