"""Displays, as xrandr tells of them. Pure: its text in, its arguments out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OUTPUT = re.compile(r"^(\S+) connected (primary )?(\d+x\d+\+)?", re.MULTILINE)
_BUILT_IN = ("eDP", "LVDS", "DSI")
"""How the kernel and X call the panel of a laptop."""


@dataclass(frozen=True, slots=True)
class Output:
    """A display that is plugged in; `lit`: it shows a picture."""

    name: str
    primary: bool
    lit: bool

    @property
    def built_in(self) -> bool:
        """Whether it is under a lid."""
        return self.name.startswith(_BUILT_IN)


def outputs(text: str) -> list[Output]:
    """Connected outputs out of `xrandr --current`, in its order."""
    return [Output(name, bool(primary), bool(used)) for name, primary, used in _OUTPUT.findall(text)]


def kept(found: Sequence[Output], *, lid_closed: bool) -> Output | None:
    """The one that the candidate looks at: never the one under a closed lid while there is another, rather
    one that shows a picture, rather the primary one. None when none is connected.
    """

    def unfit(output: Output) -> tuple[bool, bool, bool]:
        return lid_closed and output.built_in, not output.lit, not output.primary

    return min(found, key=unfit, default=None)


def leave(found: Sequence[Output], one: Output | None) -> list[str]:
    """Arguments of xrandr that leave `one` on and switch off the others; none when it is so already."""
    off = [output.name for output in found if output.lit and output != one]
    if one is None or (one.lit and not off):
        return []
    switched_off = [word for name in off for word in ("--output", name, "--off")]
    return ["--output", one.name, "--auto", "--primary", *switched_off]
