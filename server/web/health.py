"""How the server does: a page for people, the same as JSON for the rehearsal and for watching programs."""

from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from server.access import Permission
from server.bus.bus import Peer
from server.services import readiness, wellbeing
from server.services.loop_lag import Lag
from server.web.errors import wants_json
from server.web.guard import current_host, requires

bp = Blueprint("health", __name__)


@bp.get("/health/detail")
@requires(Permission.SEE_HEALTH)
def detail() -> str | dict[str, Any]:
    """Numbers: JSON when asked for (`Accept: application/json`), else a page."""
    host = current_host()
    state = wellbeing.look(host.settings, host.clock)
    standby = readiness.standby_told(host.epoch, host.shipping)
    if wants_json():
        return {
            "status": "ok",
            "loop_lag_ms": _lag(host.lag.recent()),
            "loop_lag_ms_since_mark": _lag(host.lag.since_mark()),
            "cpu_seconds": state.cpu_seconds,
            "rss": state.rss,
            "disk_free": state.disk_free,
            "clock_step_seconds": state.clock_step_seconds,
            "linked": host.presence.linked_count(),
            "others_reached": not host.bus.away,
            "others": [_other(peer) for peer in host.bus.peers.values()],
            "standby": standby.plain(),
        }
    lag, linked = host.lag.recent(), host.presence.linked_count()
    others = [_other(peer) for peer in host.bus.peers.values()]
    seen = {"lag": lag, "linked": linked, "bus": host.bus, "others": others, "standby": standby}
    return render_template("health/health.html", state=state, **seen)


@bp.post("/health/mark")
@requires(Permission.SEE_HEALTH)
def mark() -> Response | dict[str, str]:
    """Begins a new measurement of the loop's lag."""
    current_host().lag.mark()
    return {"status": "ok"} if wants_json() else redirect(url_for("health.detail"))


def _other(peer: Peer) -> dict[str, Any]:
    """Another process of the server, as it was heard last."""
    told = {name: peer.about.get(name) for name in ("linked", "hint", "leads")}
    ahead = round(peer.skew, 3)
    return {"process": peer.worker.id, "machine": peer.worker.machine, "clock_ahead_seconds": ahead, **told}


def _lag(lag: Lag) -> dict[str, float]:
    return {"p50": lag.p50, "p99": lag.p99, "max": lag.max, "pulses": lag.pulses}
