"""The agents' busiest routes in front of Flask: what hundreds of seats ask in every second of an exam.

Cookies, sessions, languages and routing rules are nothing to an agent, and cost more than a durable save. So
these routes are answered here, from the WSGI environment. Whatever is refused goes Flask's way, in words and
headers as everywhere; Flask also knows each route and answers other methods of it.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Blueprint, Flask, request
from werkzeug.wrappers import Response

from exam_rooms.protocol import EPOCH_HEADER
from server.host import Host
from server.services.delivery import delivery_of
from server.web.agent_message import Call, epoch_seen, token_of, written
from server.web.guard import HOST_KEY, current_host
from server.web.headers import HEADERS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Handler = Callable[[Call], object]
H = TypeVar("H", bound=Handler)
LANE: dict[tuple[str, str], Handler] = {}
"""(method, path) -> what answers it; `lane_route` puts it there."""
_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *HEADERS.items()]


def lane_route(bp: Blueprint, method: str, path: str) -> Callable[[H], H]:
    """Declares a route of agents that is answered on the lane; its handler gets an agent that was let in."""

    def declare(handler: H) -> H:
        def view() -> Response:
            answer = written(_answer(handler, current_host(), request.environ))
            return Response(answer, mimetype="application/json")

        cast("Any", view).for_agents = True
        bp.add_url_rule(path, handler.__name__, view, methods=[method])
        LANE[method, path] = handler
        return handler

    return declare


class FastLane:
    """Answers the routes of `LANE`; everything else goes on to Flask."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._others = app.wsgi_app
        host: Host = app.extensions[HOST_KEY]
        self._lane = {} if host.settings.role == "authority" else LANE  # no seats there: `check_role` says so

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """One request."""
        handler = self._lane.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if handler is None:
            return self._others(environ, start_response)
        host: Host = self._app.extensions[HOST_KEY]
        try:
            body = written(_answer(handler, host, environ))
        except Exception as fault:  # noqa: BLE001 - Flask has an answer to everything
            return self._refused(fault, environ)(environ, start_response)
        reign = (EPOCH_HEADER, host.epoch.word)
        start_response("200 OK", [*_HEADERS, ("Content-Length", str(len(body))), reign])
        return (body,)

    def _refused(self, fault: Exception, environ: "WSGIEnvironment") -> "WSGIApplication":
        """What Flask says to a fault that a view raised."""
        with self._app.request_context(environ):
            answer = self._app.make_response(self._app.handle_user_exception(fault))
            return self._app.process_response(answer)


def _answer(handler: Handler, host: Host, environ: "WSGIEnvironment") -> object:
    """What a route says to an agent that proves who it is. Raises `Refused`, also for what was done or read
    while the server was being replaced.
    """
    now, delivery = host.now(), delivery_of(host)
    agent = delivery.door.admit(token_of(environ), now)
    host.epoch.meet(epoch_seen(environ))
    delivery.links.heard(agent, now)
    said = handler(Call(environ, host, delivery, agent, now))
    host.epoch.check()
    return said
