"""Groups of commands of which each is loaded when it is called: `examhall version` loads no web server."""

import importlib
from collections.abc import Mapping
from typing import Any, cast

import click


class Lazy(click.Group):
    """`places`: command -> module:object, in the order of the help."""

    def __init__(self, *given: Any, places: Mapping[str, str], **named: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*given, **named)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command, imported now."""
        if cmd_name not in self._places:
            return None
        module, name = self._places[cmd_name].split(":")
        return cast("click.Command", getattr(importlib.import_module(module), name))
