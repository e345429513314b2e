"""Writers of item banks in the formats that are read: what goes out comes back in equal."""

from dataclasses import dataclass

from itembank.problems import Problem


@dataclass(frozen=True, slots=True)
class Exported:
    """A file, and what it could not carry; the places are the items' ids."""

    data: bytes
    notes: tuple[Problem, ...] = ()
