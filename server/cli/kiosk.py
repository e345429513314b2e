"""`examhall kiosk ...`: the seat agent in its own process; the server's packages are not loaded in it."""

import os
import sys
from pathlib import Path

import click

from server.cli.words import _
from server.settings import MODELS, Settings


@click.command(
    help=_("考试端程序。"),
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kiosk(arguments: tuple[str, ...]) -> None:
    """Becomes `python -m client`, for `--install` and `--check` its set-up program, with the same words."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    module = "client.workstation" if {"--install", "--check"} & set(before) else "client"
    if module == "client" and "--rescue" not in {argument.split("=")[0] for argument in arguments}:
        arguments = (*_models(), *arguments)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - becomes our own program


def _models() -> tuple[str, ...]:
    """The folder of installed networks when a setting names another than the usual one."""
    folder = Settings.of_process().models
    return () if folder == Path(MODELS) else ("--models", str(folder))
