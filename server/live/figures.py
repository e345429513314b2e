"""Brings the figures for Prometheus up to date every few seconds; nothing is counted on a hot path."""

from flask_socketio import SocketIO

from server.host import Host
from server.live.repeating import repeat
from server.services import wellbeing
from server.services.delivery import delivery_of

PERIOD_SECONDS = 5.0
_PROTECTED = {"protected": 1, "unprotected": 0, "none": -1}


def look(host: Host) -> None:
    """Takes over what this process knows now."""
    figures, state = host.figures, wellbeing.look(host.settings, host.clock)
    figures.linked.set(delivery_of(host).links.heard_here())
    figures.hint.set(host.hint())
    figures.lag.set(host.lag.recent().p99 / 1000)
    figures.waiting.set(host.answers.callers())
    figures.jobs.set(host.jobs.running())
    figures.memory.set(state.rss)
    figures.disk.set(state.disk_free)
    figures.clock.set(abs(state.clock_step_seconds))
    figures.proven.set(state.clock_proven)
    figures.epoch.set(host.epoch.number)
    figures.fenced.set(host.epoch.fenced)
    figures.leads.set(host.leads())
    figures.count(*host.answers.totals())
    figures.protected.set(_PROTECTED.get(host.shipping.protection().state, 0))


def register(socketio: SocketIO, host: Host) -> None:
    """Starts the loop on the live server."""
    repeat(socketio, lambda: look(host), every=PERIOD_SECONDS, name="figures", at_once=True)
