"""`examhall standby promote | status`: a word to the standby's process on this machine."""

import getpass
import json
import time

import click

from exam_rooms.protocol import Route
from exam_rooms.standby_messages import EpochReply, ServerState
from exam_rooms.wire import decode
from server.cli.standby.order import Order, give
from server.cli.words import _
from server.errors import Refused
from server.jobs.primary import Pairing, Primary, load_pairing
from server.services.locking import server_runs
from server.settings import Settings

PROMOTION_SECONDS = 60.0
LOOK_SECONDS = 0.1
REASON_MOST = 400


@click.command(help=_("让备用服务器接管：之后主服务器不得再服务。"))
@click.option("--reason", default="", help=_("接管的原因，写入审计"))
@click.option("--yes", is_flag=True, help=_("不再询问"))
@click.option("--while-primary-answers", is_flag=True, help=_("主服务器仍在服务也接管"))
def promote(reason: str, yes: bool, while_primary_answers: bool) -> None:
    """Tells the standby's process on this machine to take over, and waits until it serves."""
    settings = Settings.of_process()
    pairing = load_pairing(settings)
    if not server_runs(settings.data):
        raise Refused("standby_not_running", path=settings.data)
    if _state(pairing) is ServerState.ACTIVE and not while_primary_answers:
        raise Refused("primary_answers", url=pairing.url)
    reason = reason or str(click.prompt(_("接管的原因")))
    if not yes:
        click.confirm(_("接管后，%(url)s 不再确认任何记录。现在接管？", url=pairing.url), abort=True)
    began = time.monotonic()
    give(settings, Order(f"console/{getpass.getuser()}", reason[:REASON_MOST]))
    here = Pairing(f"{settings.scheme}://{_here(settings)}", 0, "", pairing.ca_pem)
    while _state(here) is not ServerState.ACTIVE:
        if time.monotonic() - began > PROMOTION_SECONDS:
            raise Refused("standby_not_serving", seconds=round(time.monotonic() - began))
        time.sleep(LOOK_SECONDS)
    click.echo(_("已接管，用时 %(seconds)s 秒。", seconds=round(time.monotonic() - began, 1)))


@click.command(help=_("备用服务器的状态。"))
@click.option("--json", "as_json", is_flag=True, help=_("供程序读取"))
def status(as_json: bool) -> None:
    """What the standby's process on this machine says of itself."""
    settings = Settings.of_process()
    pairing = load_pairing(settings)
    here = Primary(Pairing(f"{settings.scheme}://{_here(settings)}", 0, "", pairing.ca_pem))
    try:
        told = here.ask("GET", "/health")
    except OSError as fault:
        raise Refused("standby_not_running", path=settings.data) from fault
    finally:
        here.close()
    if as_json:
        click.echo(json.dumps(told))
        return
    behind = told.get("behind_seconds")
    word = _("未知") if behind is None else _("%(seconds)s 秒", seconds=round(behind, 1))
    click.echo(_("跟随 %(url)s，落后：%(behind)s", url=pairing.url, behind=word))
    if told.get("fault"):
        click.echo(str(told["fault"]))


def _state(pairing: Pairing) -> ServerState | None:
    """What a server says of itself; None without a good answer."""
    asked = Primary(pairing)
    try:
        return decode(EpochReply, asked.ask("GET", Route.EPOCH)).state
    except (OSError, ValueError, TypeError, Refused):
        return None
    finally:
        asked.close()


def _here(settings: Settings) -> str:
    """Where the process on this machine listens, seen from here."""
    everywhere = settings.host in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound
    return f"127.0.0.1:{settings.port}" if everywhere else settings.bind
