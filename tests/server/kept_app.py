"""One application for each kind of installation, built once for each process and lent to test after test.

Joining some five hundred routes and reading the templates anew was a fifth of what a test of a page cost.
An application knows its host by `HOST_KEY` alone; its session keys and settings are those it was built with,
so a host with others gets an application of its own.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache

from server.app import HOST_KEY, build_app
from server.host import Host

_NOWHERE = Path("/")


@dataclass(frozen=True)
class _Kept:
    """An application and what it was when it had just been built."""

    app: Flask
    attributes: dict[str, Any]
    config: dict[str, Any]
    extensions: dict[str, Any]
    registered: tuple[int, int, int]


_KEPT: dict[Hashable, _Kept] = {}


def application(host: Host, compiled: BytecodeCache) -> Flask:
    """The application over this host, as `build_app` would give it; nobody else may be using one like it."""
    kind = _kind(host)
    if kind not in _KEPT:
        _KEPT[kind] = _built(host, compiled)
    kept = _KEPT[kind]
    assert _registered(kept.app) == kept.registered, "a test registered something: it needs its own build_app"
    vars(kept.app).clear()
    vars(kept.app).update(kept.attributes)
    _set(kept.app.config, kept.config)
    _set(kept.app.extensions, kept.extensions | {HOST_KEY: host})
    return kept.app


def _built(host: Host, compiled: BytecodeCache) -> _Kept:
    app = build_app(host)
    app.jinja_env.bytecode_cache = compiled
    return _Kept(app, dict(vars(app)), dict(app.config), dict(app.extensions), _registered(app))


def _kind(host: Host) -> Hashable:
    """All that `build_app` may look at but the stores."""
    settings = replace(
        host.settings,
        data=_NOWHERE,
        database_url="",
        keyfile=_NOWHERE,
        unlocked=_NOWHERE,
        evidence_folder=None,
    )
    return settings, host.site.session_key, host.site.token_key, host.demo


def _registered(app: Flask) -> tuple[int, int, int]:
    """How many views there are, handlers of errors, and handlers before and after requests."""
    errors = sum(len(found) for kinds in app.error_handler_spec.values() for found in kinds.values())
    holders = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    return len(app.view_functions), errors, sum(len(found) for held in holders for found in held.values())


def _set(holder: dict[str, Any], content: dict[str, Any]) -> None:
    holder.clear()
    holder.update(content)
