"""Progress on standard error, and an end by signal that cleans up like Ctrl-C."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from server.cli.words import _

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BEGAN = time.monotonic()


def tell(text: str) -> None:
    """One line of progress with the seconds since the start."""
    click.echo(f"{time.monotonic() - _BEGAN:6.1f} s  {text}", err=True)


def tell_step(step: str) -> None:
    """What is being prepared; `step` is a code of `stage_sitting`."""
    words = {
        "bank": _("题库"),
        "papers": _("组卷"),
        "room": _("考场、名册、座位、密封包"),
        "pairing": _("配对码"),
    }
    tell(_("准备：%(step)s", step=words[step]))


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does; the clean-up is not interrupted a second time."""
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
