"""The drawn order of candidates before a panel, their stations, and the codes under which examiners see them.

Nothing random but hashes: the same seed, candidates and stations give the same order in whatever sequence
they come. Codes come from a keyed hash that is not in the seed, so that neither order nor ticket tells them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from exam_rooms.draw_parts import hashed

SIGNS = "ACDEFHJKLMNPRTUVWXY3479"
"""Letters and digits that no eye or ear confuses; 23 of them, a prime, so that with the check sign no single
wrong sign and no two neighbours changed over make one code another candidate's."""
CODE_SIGNS = 5
_BASE = len(SIGNS)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one candidate (`ref`) comes in the order, and the place of the station among those given."""

    ref: str
    number: int
    station: int | None


def drawn_order(refs: Iterable[str], stations: int, seed: str) -> tuple[Place, ...]:
    """The order by a keyed hash of each ref; stations are taken in turn, so each serves alike.

    `stations`: how many there are; without one everybody comes before the panel at one place.
    """
    ordered = sorted(set(refs), key=lambda ref: (hashed(seed, "order", ref), ref))
    return tuple(
        Place(ref, number, (number - 1) % stations if stations else None)
        for number, ref in enumerate(ordered, 1)
    )


def blind_codes(
    refs: Sequence[str], keyed: Callable[[str], str], taken: Collection[str] = ()
) -> dict[str, str]:
    """A code for each ref, all different and none of those `taken`. `keyed` gives a hex digest of a text."""
    given: dict[str, str] = {}
    used = set(taken)
    for ref in refs:
        tries = 0
        while (code := _code(keyed(f"{ref}|{tries}"))) in used:
            tries += 1
        used.add(code)
        given[ref] = code
    return given


def _code(digest: str) -> str:
    number, signs = int(digest, 16), ""
    for _sign in range(CODE_SIGNS):
        number, rest = divmod(number, _BASE)
        signs += SIGNS[rest]
    return signs + _check(signs)


def _check(signs: str) -> str:
    """The sign that makes the weighted sum a multiple of the base; it has the weight 1 itself."""
    weights = range(len(signs) + 1, 1, -1)
    return SIGNS[
        -sum(weight * SIGNS.index(sign) for weight, sign in zip(weights, signs, strict=True)) % _BASE
    ]
