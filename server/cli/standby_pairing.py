"""`examhall standby code` at the server, `examhall standby pair` at the standby: docs/standby.md."""

import click

from server.cli.opening import opened
from server.cli.persons import at_the_console
from server.cli.words import _
from server.jobs.primary import pair, save_pairing
from server.jobs.promotion import need_no_stores
from server.services import standby_pairing
from server.settings import Settings


@click.command(name="code", help=_("在主服务器上：生成备用服务器的配对码，半小时内有效，只能用一次。"))
def code_() -> None:
    """Works beside a running server, also during a sitting: it changes nothing but its own table."""
    with opened(writes=False) as host:
        code = host.db.write(
            standby_pairing.issue_code, at_the_console(), host.site.ca_fingerprint, now=host.now()
        )
    click.echo(code)
    click.echo(_("在备用服务器上运行：examhall standby pair 主服务器地址 配对码"), err=True)


@click.command(name="pair", help=_("在备用服务器上：用配对码与主服务器配对。"))
@click.argument("url")
@click.argument("code")
@click.option("--address", default="", help=_("接管后考试机使用的地址，例如 https://10.0.0.3:8443"))
def pair_(url: str, code: str, address: str) -> None:
    """Keeps the token in the data folder, which must hold no stores yet. Needs no key."""
    settings = Settings.of_process()
    need_no_stores(settings)
    address = standby_pairing.usable_address(address or f"{settings.scheme}://{settings.bind}")
    pairing = pair(url.rstrip("/"), code, address)
    path = save_pairing(settings, pairing)
    click.echo(_("已与 %(url)s 配对，凭据保存在 %(path)s。", url=pairing.url, path=path))
