"""Reading the `challenge` part of a policy: what a candidate does before the camera at sign-in."""

from collections.abc import Mapping

from exam_rooms.challenge import ChallengeRules
from itembank.blueprint_reading import Reader
from server.rules.policy_watching import number

PATH = "challenge"
KEYS = ("steps", "seconds", "tries")
STEPS, TRIES = (0, 4), (1, 5)
SECONDS = ("4", "60")


def read_challenge(read: Reader, data: object) -> ChallengeRules:
    """The rules of the `challenge` mapping; faults are added to the reader with their paths.

    A profile that does not name them gets `ChallengeRules()`: nothing is asked.
    """
    if data is None:
        return ChallengeRules()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return ChallengeRules()
    return ChallengeRules(
        steps=read.whole(fields, "steps", PATH, bounds=STEPS),
        seconds=number(read, fields, "seconds", SECONDS, PATH),
        tries=read.whole(fields, "tries", PATH, bounds=TRIES),
    )
