"""Joins everything: settings and key in, application with its blueprints and socket namespaces out."""

import importlib

from flask import Flask
from flask_socketio import SocketIO
from flask_wtf import CSRFProtect
from werkzeug.routing import IntegerConverter, Map

from server.errors import Refused
from server.host import Host, open_host
from server.live import websocket
from server.native import under_gevent
from server.services import dossier_shelf, link_gaps
from server.services.evidence import sweep as sweep_evidence
from server.services.locking import ORPHAN_SECONDS
from server.services.steady import Reading, keep_anchor
from server.settings import Settings
from server.web.agent_standby import init_epoch
from server.web.auth import init_security, session_config
from server.web.errors import init_errors
from server.web.fast_lane import FastLane
from server.web.guard import HOST_KEY, check_access
from server.web.headers import init_headers
from server.web.language import init_language
from server.web.layout import init_layout
from server.web.proxies import BehindProxies
from server.web.role_gate import check_role

BLUEPRINTS = (
    "server.web.auth",
    "server.web.public",
    "server.web.home",
    "server.web.staff",
    "server.web.auditing",
    "server.web.health",
    "server.web.metrics",
    "server.web.jobs",
    "server.web.preferences",
    "server.web.vault",
    "server.web.banks",
    "server.web.imports",
    "server.web.items",
    "server.web.item_acts",
    "server.web.item_editor",
    "server.web.item_words",
    "server.web.coverage",
    "server.web.exports",
    "server.web.bodies",
    "server.web.blueprints",
    "server.web.sheet_templates",
    "server.web.template_words",
    "server.web.papers",
    "server.web.assembly",
    "server.web.preview",
    "server.web.packages",
    "server.web.custodians",
    "server.web.words",
    "server.web.forms",
    "server.web.batches",
    "server.web.policies",
    "server.web.policy_words",
    "server.web.rooms",
    "server.web.room_editor",
    "server.web.room_cameras",
    "server.web.seb",
    "server.web.sittings",
    "server.web.accommodations",
    "server.web.arrangement",
    "server.web.staffing",
    "server.web.gates",
    "server.web.assessments",
    "server.web.assessment_panels",
    "server.web.panels",
    "server.web.panel_members",
    "server.web.stations",
    "server.web.supervision",
    "server.web.agent",
    "server.web.agent_entry",
    "server.web.agent_lane",
    "server.web.agent_watch",
    "server.web.agent_room",
    "server.web.agent_seb",
    "server.web.agent_calls",
    "server.web.agent_checks",
    "server.web.agent_kiosk",
    "server.web.agent_shipping",
    "server.web.agent_standby",
    "server.web.monitor",
    "server.web.watching",
    "server.web.desk",
    "server.web.desk_walkins",
    "server.web.checks",
    "server.web.kiosk",
    "server.web.calls",
    "server.web.all_rooms",
    "server.web.commands",
    "server.web.compensation",
    "server.web.rescue",
    "server.web.incident_reports",
    "server.web.cases",
    "server.web.results",
    "server.web.batch_results",
    "server.web.exemptions",
    "server.web.publicity",
    "server.web.rechecks",
    "server.web.corrections",
    "server.web.own_result",
    "server.web.ledger",
    "server.web.replay",
    "server.web.record",
    "server.web.dossier",
    "server.web.essays",
    "server.web.prints",
    "server.web.proctoring_measures",
    "server.web.privacy",
    "server.web.day_papers",
    "server.web.scoring",
    "server.web.reviews",
    "server.web.scripts",
    "server.web.script_marking",
    "server.web.sites",
    "server.web.site_link",
)
"""Modules with a blueprint `bp`."""
LIVE = (
    "server.live.together",
    "server.live.seat",
    "server.live.monitor",
    "server.live.watch",
    "server.live.work",
    "server.live.rechecks",
    "server.live.room_cameras",
    "server.live.retention",
    "server.live.publicity",
    "server.live.shipping",
    "server.live.figures",
    "server.live.site_link",
)
"""Modules with `register(socketio, host)`: a namespace, or a watch that pushes."""
AGENT_BLUEPRINTS = (
    *("agent", "agent_lane", "agent_watch", "agent_calls", "agent_checks", "agent_seb", "agent_kiosk"),
    *("agent_entry", "agent_room"),
    "agent_shipping",
    "agent_standby",
    "site_link",
)
"""Bearer tokens, or signed requests, and no cookies: the blueprints without CSRF tokens."""
FORM_MEMORY = 2 << 20

__all__ = ["HOST_KEY", "build_app", "create_app", "create_socketio", "open_host"]


def create_app(
    settings: Settings, master: bytes, *, demo: bool = False, anchor: Reading | None = None
) -> Flask:
    """The Flask application over migrated stores, opened with the master key.

    `anchor`: what the clocks of all processes of this machine run on. The first process on a database sweeps
    up what a dead server left, and the time the server was away is a gap of every seat that was answering.
    Raises `Refused` (`database_shared`) when others work on it that this one could not hear.
    """
    host = open_host(settings, master, demo=demo, anchor=anchor)
    if host.clock.proven:
        host.db.write(keep_anchor, host.clock.anchor)
    with host.membership.arrival(0.0 if settings.redis else ORPHAN_SECONDS) as nobody_else:
        if nobody_else:
            _first_of_all(host)
        elif not settings.redis:
            host.close()
            raise Refused("database_shared")
    return build_app(host)


def _first_of_all(host: Host) -> None:
    host.jobs.sweep()
    for name in host.db.write(dossier_shelf.clear, now=host.now(), starting=True):
        dossier_shelf.shelf(host.settings.dossiers).delete(name)
    with host.db.read() as session:
        sweep_evidence(session, host.evidence)
    host.db.write(link_gaps.gaps_after_restart, now=host.now())


class RowNumber(IntegerConverter):
    """A number in a path is the number of a row; beyond what a row can have nothing is found."""

    def __init__(self, rules: Map) -> None:
        super().__init__(rules, max=2**31 - 1)


def build_app(host: Host) -> Flask:
    """The Flask application over an open host."""
    app = Flask("server", static_url_path="/static")
    app.url_map.converters["int"] = RowNumber
    app.config.update(session_config(host.settings, host))
    app.config.update(
        MAX_CONTENT_LENGTH=host.settings.upload_limit,
        MAX_FORM_MEMORY_SIZE=FORM_MEMORY,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    app.extensions[HOST_KEY] = host
    app.before_request(check_role)
    app.before_request(check_access)
    csrf = CSRFProtect(app)
    init_security(app)
    init_language(app, host.settings.timezone)
    init_layout(app)
    init_headers(app)
    init_epoch(app)
    init_errors(app)
    for name in BLUEPRINTS:
        app.register_blueprint(importlib.import_module(name).bp)
    for name in AGENT_BLUEPRINTS:
        csrf.exempt(app.blueprints[name])
    app.wsgi_app = FastLane(app)  # type: ignore[method-assign]
    if host.settings.proxies:
        app.wsgi_app = BehindProxies(app.wsgi_app, host.settings.proxies)  # type: ignore[method-assign,assignment]
    return app


def create_socketio(app: Flask) -> SocketIO:
    """The socket server: WebSocket only, one gevent process (design D4)."""
    host: Host = app.extensions[HOST_KEY]
    socketio = SocketIO(
        app,
        async_mode="gevent" if under_gevent() else "threading",
        transports=["websocket"],
        allow_upgrades=False,
        ping_interval=websocket.PING_SECONDS,
        ping_timeout=websocket.PING_SECONDS,
        manage_session=False,
        logger=False,
        engineio_logger=False,
    )
    if under_gevent():
        websocket.take(socketio)
    for name in LIVE:
        importlib.import_module(name).register(socketio, host)
    return socketio
