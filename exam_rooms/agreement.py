"""Whether two looks at one picture agree: what the seat says it saw, and what the server sees.

Both compute the same from nearly the same pixels; a contradiction is for a person to look at, no proof.
"""

from exam_rooms.watching import Likeness, ObservationNote

SIMILARITY_APART = 0.1  # what packing a picture as JPEG moves a cosine stays well below
UNSEEING = frozenset({"dark", "covered"})
OPPOSITE = frozenset({str(Likeness.MATCH), str(Likeness.MISMATCH)})
_COMPARED = frozenset({*OPPOSITE, str(Likeness.UNSURE)})
_DIGITS = 4  # of a note's similarity


def disagreement(seat: ObservationNote, server: ObservationNote) -> str:
    """The first thing in which two looks contradict each other, or "".

    - `persons`: nobody, one, or more than one sit there (not asked when a side had no detector);
    - `quality`: one calls the picture good, the other dark or covered;
    - `likeness`: the enrolled person to one, somebody else to the other; unsure contradicts neither. Also
      somebody else to the server where the seat compared nothing;
    - `similarity`: both compared the face, and their figures are more than 0.1 apart.

    Apart from that a side that did not compare the face contradicts nobody in the last two; that is no
    agreement either (`one_sided`).
    """
    if _counted(seat) and _counted(server) and min(seat.persons, 2) != min(server.persons, 2):
        return "persons"
    if {seat.quality, server.quality} in [{"good", poor} for poor in UNSEEING]:
        return "quality"
    if {seat.likeness, server.likeness} == OPPOSITE:
        return "likeness"
    if server.likeness == Likeness.MISMATCH and seat.likeness not in _COMPARED:
        return "likeness"
    return "similarity" if _apart(seat.similarity, server.similarity) else ""


def one_sided(seat: ObservationNote, server: ObservationNote) -> bool:
    """Whether only one of the two compared the face: who sits there was then not looked at again."""
    return (seat.likeness in _COMPARED) != (server.likeness in _COMPARED)


def _counted(note: ObservationNote) -> bool:
    return "detect" not in note.unavailable


def _apart(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and round(abs(one - other), _DIGITS) > SIMILARITY_APART
