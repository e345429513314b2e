"""`examhall standby code | pair | serve | promote | status | unfence`: docs/standby.md."""

from collections.abc import Mapping

from server.cli.lazy import Lazy
from server.cli.words import _

COMMANDS: Mapping[str, str] = {
    "code": "server.cli.standby_pairing:code_",
    "pair": "server.cli.standby_pairing:pair_",
    "serve": "server.cli.standby.keeping:serve",
    "promote": "server.cli.standby.promoting:promote",
    "status": "server.cli.standby.promoting:status",
    "unfence": "server.cli.standby.keeping:unfence",
}
"""Command -> module:object. Promoting loads no web server: nobody waits for that."""


standby = Lazy("standby", places=COMMANDS, help=_("备用服务器：配对、跟随、接管。"))
