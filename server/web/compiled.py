"""Pages that are compiled before the first request: they are first asked for in the middle of an exam.

Compiling a monitor's page takes some tenths of a second, during which no seat of this process is answered.
"""

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


def compile_monitor(app: Flask) -> None:
    """Every page of the monitor, with all that it is made of."""
    env = app.jinja_env
    own = env.list_templates(filter_func=lambda name: name.startswith(MONITOR))
    for name in (*WITH_MONITOR, *own):
        env.get_template(name)
