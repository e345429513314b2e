"""What the system tests share: a staged sitting with real processes, small and short."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import private_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.stage import Wish, fictional_people, stage_sitting
from server.cli.rehearse.telling import tell
from tests.kept_schema import keep_schemas

Staging = Callable[..., Play]

expect.set_options(timeout=60_000)  # five seconds are too few on a machine that runs three of these tests


@pytest.fixture(scope="session", autouse=True)
def remembering() -> None:
    """The versions of a new store are gone through once."""
    keep_schemas()


@pytest.fixture
def staged_play() -> Iterator[Staging]:
    """`staged_play(seats=4, seconds=24)`: a private server and a sealed sitting, its package released.

    The monitor is open. The room has one spare seat for every ten candidates. Everything ends with the test.
    """
    with ExitStack() as stack:

        def make(*, seats: int, seconds: int) -> Play:
            hall = stack.enter_context(private_hall())
            crew = hire(hall.host, Names("test-", "演练"), invigilators=2)
            wish = Wish("演练", fictional_people(seats), Decimal(seconds) / 60, "7")
            staged = stage_sitting(hall.host, crew, wish, told=tell)
            hall.serve()
            play = stack.enter_context(Play(hall, crew, staged, told=tell))
            play.prepare()
            return play

        yield make
