"""`examhall kiosk ...`: the seat agent in its own process; the server's packages are not loaded in it."""

import os
import sys

import click

from server.cli.words import _


@click.command(
    help=_("考试座位程序。"),
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kiosk(arguments: tuple[str, ...]) -> None:
    """Becomes `python -m client` with the same arguments."""
    os.execv(sys.executable, [sys.executable, "-m", "client", *arguments])  # noqa: S606 - becomes our own program
