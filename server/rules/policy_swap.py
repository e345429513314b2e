"""Reading the `seat_swap` part of a policy: whether a face that does not match is looked for in the room."""

from collections.abc import Mapping
from dataclasses import dataclass

from itembank.blueprint_reading import Reader
from server.rules.policy_watching import number

PATH = "seat_swap"
SEARCHES = ("none", "room", "sitting")
MARGIN = ("0", "1")
KEYS = ("search", "margin")


@dataclass(frozen=True, slots=True)
class SwapRules:
    """`search`: among whom a face that does not match is looked for: nobody, the candidates of the same room,
    or those of all rooms of the sitting. `margin`: how far the nearest must be ahead of the second nearest
    (cosine). The defaults are those of a batch frozen when policies said nothing about it.
    """

    search: str = "none"
    margin: float = 0.1


def read_swap(read: Reader, data: object) -> SwapRules:
    """The rules of the `seat_swap` mapping; faults are added to the reader with their paths.

    A profile that does not name them gets `SwapRules()`: nobody is looked for.
    """
    if data is None:
        return SwapRules()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return SwapRules()
    search = str(fields.get("search"))
    if search not in SEARCHES:
        read.add("not_allowed", f"{PATH}.search", value=search[:40], allowed="、".join(SEARCHES))
        search = SwapRules().search
    return SwapRules(search, number(read, fields, "margin", MARGIN, PATH))
