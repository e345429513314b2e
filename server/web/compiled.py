"""Pages that are compiled right after the start: they are first asked for in the middle of an exam.

Compiling a monitor's page takes some tenths of a second, during which no seat of this process is answered.
"""

from collections.abc import Callable

from flask import Flask

MONITOR = "monitor/"
WITH_MONITOR = (
    "layout.html",
    "parts.html",
    "incidents/drawer.html",
    "incidents/report_facts.html",
    "sittings/work.html",
)
"""What the monitor's pages are made of beside their own folder."""


def compile_monitor(app: Flask, rest: Callable[[], None] = lambda: None) -> None:
    """Every page of the monitor, with all that it is made of; `rest` is called after each, for others' turns.

    A takeover waits for no page: what is asked for before its turn is compiled then.
    """
    env = app.jinja_env
    own = env.list_templates(filter_func=lambda name: name.startswith(MONITOR))
    for name in (*WITH_MONITOR, *own):
        env.get_template(name)
        rest()
