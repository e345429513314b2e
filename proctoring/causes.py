"""What one look says of light, lens and people: there, not there, or nothing at all. No memory, no clock.

A kind that is absent from an answer is not known. From the strongest down,

- no picture (CAMERA_LOST, or CAMERA_STALLED from a camera that is there) tells nothing about anything else;
- a covered lens (CAMERA_COVERED) and a picture that repeats (FROZEN) tell nothing about light and people;
  a covered picture that repeats is covered: flat pictures do repeat;
- a picture that is too dark or blinded by light, with nobody found (DARK), tells nothing about people;
- without a detector nothing is told about people at all; that is shown elsewhere as unavailable.

So darkness, glare or a hand on the lens never become an empty chair or a stranger: they are told as what
they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import ObservationNote
from proctoring.observation import Observation
from proctoring.quality import Verdict

CLEAR_PICTURES = (Verdict.GOOD, Verdict.BLURRED)
BLINDING = (Verdict.DARK, Verdict.GLARE)
STALLED, ODD_SIZE = "stalled", "odd_size"
"""What a camera may be beside its picture: silent though it is there, or giving pictures of another size."""
SILENT = (IncidentKind.CAMERA_LOST, IncidentKind.CAMERA_STALLED)


@dataclass(frozen=True, slots=True)
class Sight:
    """One look: boot clock in seconds, and what was seen; None when the camera gave no picture.

    What was seen may be a look itself or its note: both tell the same. `repeated`: the very same picture was
    seen some looks ago, which a live camera never does. `camera`: `STALLED` or `ODD_SIZE`, "" for neither.
    """

    at: float
    observation: Observation | ObservationNote | None
    repeated: bool = False
    camera: str = ""


def noted(seen: Observation | ObservationNote | None) -> ObservationNote | None:
    """A look in the values that are sent, kept and folded: a frame too poor to compare speaks for nobody."""
    if not isinstance(seen, Observation):
        return seen
    note = seen.note()
    return note if seen.comparable else replace(note, similarity=None, likeness="")


def of_camera(note: ObservationNote | None, repeats: bool) -> dict[IncidentKind, bool]:
    """What the camera itself is told to be."""
    if note is None:
        return {IncidentKind.CAMERA_LOST: True}
    covered = note.quality == Verdict.COVERED and not note.faces
    answers = dict.fromkeys(SILENT, False) | {IncidentKind.CAMERA_COVERED: covered}
    if not (covered and repeats):
        answers[IncidentKind.FROZEN] = repeats
    if not (covered or repeats):
        answers[IncidentKind.DARK] = note.quality in BLINDING and note.persons == 0
    return answers


def seeing(note: ObservationNote | None, answers: Mapping[IncidentKind, bool]) -> ObservationNote | None:
    """The look, if nothing stands in its way: it found somebody, or was clear enough to."""
    if note is None or any(answers.values()) or "detect" in note.unavailable:
        return None
    if note.persons == 0 and note.quality not in CLEAR_PICTURES:
        return None
    return note


def of_people(note: ObservationNote) -> dict[IncidentKind, bool]:
    """Who is told to sit here."""
    return {IncidentKind.NO_FACE: note.persons == 0, IncidentKind.MULTI_FACE: note.persons >= 2}
