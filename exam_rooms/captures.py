"""When a seat takes its random pictures, and which of them the server looks at again.

Both are drawn from hashes of a seed, like seats are: a stored seed gives the same moments on every machine
and version. Who knows the seed knows the draw, so it stays on the server; a seat is told only its moments.
"""

import hashlib

from exam_rooms.watching import WatchRules

EDGE = 0.05  # of the sitting at both ends: people still settle, or have handed in
PART_EDGE = 0.1  # of a part at both ends, so that two pictures never come right after each other
_WHOLE = 1_000_000  # shares are counted in millionths, so that no rounding moves a choice


def capture_moments(seed: str, attempt: int, rules: WatchRules, minutes: float) -> tuple[float, ...]:
    """The moments of an attempt's random pictures in seconds after its start, ascending.

    The sitting of `minutes` is cut into `rules.captures` equal parts; each holds one moment, at least a
    tenth of a part away from its ends. None lies in the first or last twentieth of the sitting (with more
    than ten pictures: not in the first half of the first part, nor the last half of the last).
    A sitting of no length has no moments.
    """
    if minutes <= 0:
        return ()
    count, seconds = rules.captures, minutes * 60
    return tuple(
        (low + (high - low) * _fraction(f"{seed}|capture|{attempt}|{number}")) * seconds
        for number, (low, high) in enumerate(_part(number, count) for number in range(count))
    )


def is_rechecked(seed: str, attempt: int, number: int, share: float) -> bool:
    """Whether the server looks again at picture `number` (from 0) of an attempt.

    The choice is a draw in equal steps with a start drawn for each attempt: among any n pictures in a row
    n x `share` are chosen, rounded up or down, so with a share of one half every candidate with two
    pictures has exactly one looked at again, and nobody can tell beforehand which. A share of 0 chooses
    none, 1 all. Raises ValueError for a share outside 0-1 or a number below 0.
    """
    if not 0 <= share <= 1 or number < 0:
        raise ValueError(f"share {share} of picture {number}")
    step = round(share * _WHOLE)
    start = int(_fraction(f"{seed}|recheck|{attempt}") * _WHOLE)
    return (start + (number + 1) * step) // _WHOLE > (start + number * step) // _WHOLE


def _part(number: int, count: int) -> tuple[float, float]:
    """Where the moment of a part may lie, as shares of the whole sitting."""
    edge = min(EDGE, 0.5 / count)
    low, high = (number + PART_EDGE) / count, (number + 1 - PART_EDGE) / count
    return max(low, edge), min(high, 1 - edge)


def _fraction(text: str) -> float:
    """A number from 0 up to but without 1 that follows from a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
