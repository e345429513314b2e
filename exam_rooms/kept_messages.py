"""What is kept about a candidate, as the server tells the seat: titles, terms, sentences, ready to show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A term and what is to be said of it, in the language that was asked for."""

    term: str
    text: str


@dataclass(frozen=True, slots=True)
class KeptSection:
    """A part of the answer with its title."""

    title: str
    rows: tuple[KeptRow, ...]


@dataclass(frozen=True, slots=True)
class KeptReply:
    """The whole answer, in the order in which it is shown."""

    sections: tuple[KeptSection, ...]
