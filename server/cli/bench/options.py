"""What the benches of a whole server have in common on the command line."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import click

from server.cli.bench.shape import MOST_IN_ROOM, USUAL_ROOM, Shape
from server.cli.words import _

MOST_SEATS = 5_000
MOST_WORKERS = 16
Command = Callable[..., Any]
Tell = Callable[[str], None]

AS_JSON = click.option("--json", "as_json", is_flag=True, help=_("只在标准输出打印一行 JSON"))
TLS = click.option("--tls/--plain", default=True, show_default=True, help=_("考试机与服务器之间是否加密"))
STORE = click.option(
    "--store",
    type=click.Choice(("sqlite", "postgres")),
    default="sqlite",
    show_default=True,
    help=_("数据库；postgres 会另起一个临时的 PostgreSQL"),
)
WORKERS = click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    default=1,
    show_default=True,
    help=_("服务器进程数；多于 1 需要 postgres，并另起一个临时的 Redis"),
)
ROOM_SEATS = click.option(
    "--room-seats",
    type=click.IntRange(1, MOST_IN_ROOM),
    default=USUAL_ROOM,
    show_default=True,
    help=_("每个考场几个座位；同一场次分设多个考场"),
)


def number_option(
    name: str, limit: click.IntRange | click.FloatRange, default: float, words: str | None = None
) -> Callable[[Command], Command]:
    """A number within bounds, whose default is shown; `words`: what it means."""
    return click.option(name, type=limit, default=default, show_default=True, help=words)


def seats_option(
    default: int | None, least: int = 2, *, name: str = "--seats"
) -> Callable[[Command], Command]:
    """How many seats."""
    limit = click.IntRange(least, MOST_SEATS)
    return click.option(name, "seats", type=limit, default=default, show_default=default is not None)


def shaped(command: Command) -> Command:
    """--store, --workers, --room-seats, --tls/--plain and --json."""
    return STORE(WORKERS(ROOM_SEATS(TLS(AS_JSON(command)))))


def shape_of(seats: int, shared: Mapping[str, Any]) -> Shape:
    """The server's shape out of what `shaped` added."""
    return Shape(seats, shared["store"], shared["workers"], shared["tls"], shared["room_seats"])


class Found(Protocol):
    """What a bench found; `complete` when nothing that was asked for is missing."""

    @property
    def complete(self) -> bool: ...

    def to_json(self) -> dict[str, Any]: ...

    def in_words(self) -> str: ...


F = TypeVar("F", bound=Found)


def played(measured: Callable[[Tell], Found], as_json: bool) -> None:
    """Runs a bench with a server of its own, which a person may interrupt; ends the command."""
    ended(ran(measured), as_json)


def ran(measured: Callable[[Tell], F]) -> F:
    """Runs a bench with a server of its own, which a person may interrupt."""
    from server.cli.rehearse.fleet import FleetFault
    from server.cli.rehearse.staff import StaffRefused
    from server.cli.rehearse.telling import interruptible, tell

    try:
        with interruptible():
            return measured(tell)
    except (FleetFault, StaffRefused) as fault:
        raise click.ClickException(str(fault)) from fault


def ended(found: Found, as_json: bool) -> None:
    """Prints what was found; status 0 only when it is complete."""
    from server.cli.rehearse.telling import tell

    click.echo(json.dumps(found.to_json(), ensure_ascii=False))
    if not as_json:
        tell(found.in_words())
    sys.exit(0 if found.complete else 1)
