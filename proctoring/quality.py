"""What light and sharpness of a picture say: plain values."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a picture is good for."""

    GOOD = "good"
    DARK = "dark"
    BLURRED = "blurred"
    COVERED = "covered"
    GLARE = "glare"


@dataclass(frozen=True, slots=True)
class Quality:
    """Mean brightness 0-255, variance of the Laplacian at 320 pixels width, and what follows."""

    brightness: float
    sharpness: float
    verdict: Verdict
