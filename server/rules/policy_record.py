"""Reading the `record` part of a policy: who has to sign the room record before it is sealed."""

from collections.abc import Mapping
from dataclasses import dataclass

from itembank.blueprint_reading import Reader

PATH = "record"
SIGNERS = (1, 20)
KEYS = ("invigilators", "rover")


@dataclass(frozen=True, slots=True)
class RecordRules:
    """`invigilators`: how many of them sign beside the chief; `rover`: one signs too where one is on duty."""

    invigilators: int = 2
    rover: bool = True


def read_record(read: Reader, data: object) -> RecordRules:
    """The rules of the `record` mapping; a profile that does not name them gets `RecordRules()`."""
    if data is None:
        return RecordRules()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return RecordRules()
    rover = fields.get("rover")
    if not isinstance(rover, bool):
        code = "missing_value" if rover is None else "not_yes_or_no"
        read.add(code, f"{PATH}.rover", value=str(rover)[:40])
    signers = read.whole(fields, "invigilators", PATH, bounds=SIGNERS)
    return RecordRules(invigilators=signers, rover=rover is True)
