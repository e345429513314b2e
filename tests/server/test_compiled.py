"""What a monitor shows is compiled before anybody asks for it."""

import pytest
from flask import Flask
from jinja2 import Environment, meta

from server.web.compiled import MONITOR, compile_monitor

CHOSEN = {"layout.html", "monitor/fragment.html"}
"""A dialog of the monitor is a page of its own, or a part of one."""


def made_of(env: Environment, name: str, found: set[str]) -> set[str]:
    """A page with everything that it extends, includes and imports."""
    if name not in found:
        found.add(name)
        assert env.loader is not None
        source, _file, _fresh = env.loader.get_source(env, name)
        for other in meta.find_referenced_templates(env.parse(source)):
            if other is not None:  # None: chosen when it is shown, among those below
                made_of(env, other, found)
    return found


@pytest.mark.dear
def test_no_page_of_the_monitor_is_compiled_during_an_exam(app: Flask) -> None:
    env = app.jinja_env
    compile_monitor(app)
    assert env.cache is not None
    kept = {name for _loader, name in env.cache.keys()}  # noqa: SIM118 - no mapping
    pages = env.list_templates(filter_func=lambda name: name.startswith(MONITOR))
    wanted = set().union(*(made_of(env, page, set()) for page in pages))
    assert len(pages) > 20
    assert wanted | CHOSEN <= kept
