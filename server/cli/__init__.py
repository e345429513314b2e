"""The command line `examhall`: each command in a module of its own, loaded when it is called."""

from collections.abc import Mapping
from typing import Any

import click

from server.cli.lazy import Lazy

COMMANDS: Mapping[str, str] = {
    "serve": "server.cli.serving:serve",
    "init": "server.cli.serving:init",
    "upgrade": "server.cli.serving:upgrade",
    "unlock": "server.cli.serving:unlock_key",
    "lock": "server.cli.serving:lock",
    "user": "server.cli.staff:user",
    "audit": "server.cli.auditing:audit",
    "attempt": "server.cli.attempt:attempt",
    "archive": "server.cli.archive:archive",
    "bank": "server.cli.bank:bank",
    "blueprint": "server.cli.blueprints:blueprint",
    "templates": "server.cli.templates:templates",
    "papers": "server.cli.papers:papers",
    "results": "server.cli.results:results",
    "vault": "server.cli.vault:vault",
    "backup": "server.cli.backup:backup",
    "restore": "server.cli.backup:restore",
    "standby": "server.cli.standby:standby",
    "models": "server.cli.models:models",
    "observe": "server.cli.observe:observe",
    "evidence": "server.cli.evidence:evidence",
    "proctoring": "server.cli.proctoring:proctoring",
    "kiosk": "server.cli.kiosk:kiosk",
    "demo": "server.cli.demo:demo",
    "rehearse": "server.cli.rehearse:rehearse",
    "drill": "server.cli.drill:drill",
    "bench": "server.cli.bench:bench",
    "bundle": "server.cli.bundle:bundle",
    "authority": "server.cli.sites:authority",
    "site": "server.cli.sites:site",
    "version": "server.cli.serving:version",
}
"""Command -> module:object."""


class Examhall(Lazy):
    """All commands; what they refuse becomes one line."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own type
        """Runs the command; a refusal becomes one line on standard error and status 1."""
        from server.cli.words import say
        from server.errors import Refused
        from server.settings import SettingsError

        try:
            return super().invoke(ctx)
        except Refused as refusal:
            raise click.ClickException(say(refusal)) from refusal
        except SettingsError as fault:
            raise click.ClickException(str(fault)) from fault


@click.command(cls=Examhall, places=COMMANDS)
def main() -> None:
    """examhall: from the item bank to the result of a certification exam."""
