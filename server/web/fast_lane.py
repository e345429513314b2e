"""The agents' busiest routes in front of Flask: what hundreds of seats ask in the same minutes of an exam.

Cookies, sessions, languages and routing rules are nothing to an agent, and cost more than a durable save. So
these routes are answered here, from the WSGI environment. Whatever is refused goes Flask's way, in words and
headers as everywhere; Flask also knows each route and answers other methods of it.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Blueprint, Flask, request
from werkzeug.wrappers import Response

from exam_rooms.protocol import EPOCH_HEADER
from server.access import PUBLIC
from server.host import Host
from server.services.delivery import delivery_of
from server.web.agent_message import Call, Knock, epoch_seen, token_of, written
from server.web.guard import HOST_KEY, current_host
from server.web.headers import HEADERS, harden

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Handler = Callable[[Call], object]
Opener = Callable[[Knock], object]
H = TypeVar("H", bound=Handler)
O = TypeVar("O", bound=Opener)  # noqa: E741
LANE: dict[tuple[str, str], Handler] = {}
"""(method, path) -> what answers an agent there, with a message or a response; `lane_route` puts it there."""
DOOR: dict[tuple[str, str], Opener] = {}
"""The same of what strangers ask before they are let in; `door_route` puts it there."""
_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *HEADERS.items()]


def lane_route(bp: Blueprint, method: str, path: str) -> Callable[[H], H]:
    """Declares a route of agents that is answered on the lane; its handler gets an agent that was let in."""

    def declare(handler: H) -> H:
        def view() -> Response:
            return _response(_answer(handler, current_host(), request.environ))

        cast("Any", view).for_agents = True
        bp.add_url_rule(path, handler.__name__, view, methods=[method])
        LANE[method, path] = handler
        return handler

    return declare


def door_route(bp: Blueprint, method: str, path: str) -> Callable[[O], O]:
    """Declares a public route of agents that is answered on the lane, for whoever knocks.

    Nothing else asks whether it may be public, so it has to stand in `access.PUBLIC`; raises ValueError.
    """

    def declare(opener: O) -> O:
        if f"{bp.name}.{opener.__name__}" not in PUBLIC:
            raise ValueError(f"not public: {bp.name}.{opener.__name__}")

        def view() -> Response:
            return _response(_welcome(opener, current_host(), request.environ))

        bp.add_url_rule(path, opener.__name__, view, methods=[method])
        DOOR[method, path] = opener
        return opener

    return declare


class FastLane:
    """Answers the routes of `LANE` and `DOOR`; everything else goes on to Flask."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._others = app.wsgi_app
        host: Host = app.extensions[HOST_KEY]
        self._here = host.settings.role != "authority"  # no seats there: `check_role` says so

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """One request."""
        place = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if not self._here or (place not in LANE and place not in DOOR):
            return self._others(environ, start_response)
        host: Host = self._app.extensions[HOST_KEY]
        try:
            handler = LANE.get(place)
            said = _answer(handler, host, environ) if handler else _welcome(DOOR[place], host, environ)
            body = b"" if isinstance(said, Response) else written(said)
        except Exception as fault:  # noqa: BLE001 - Flask has an answer to everything
            return self._refused(fault, environ)(environ, start_response)
        if isinstance(said, Response):
            said.headers[EPOCH_HEADER] = host.epoch.word
            return harden(said)(environ, start_response)
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
    said = handler(Call(environ=environ, host=host, delivery=delivery, now=now, agent=agent))
    host.epoch.check()
    return said


def _welcome(opener: Opener, host: Host, environ: "WSGIEnvironment") -> object:
    """What a route says to a stranger, who is not believed what epoch it has met. Raises `Refused`."""
    host.epoch.check()
    said = opener(Knock(environ=environ, host=host, delivery=delivery_of(host), now=host.now()))
    host.epoch.check()
    return said


def _response(said: object) -> Response:
    return said if isinstance(said, Response) else Response(written(said), mimetype="application/json")
