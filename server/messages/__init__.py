"""The sentence of every refusal, problem and activity code. `%(name)s` are their parameters."""

from server.messages.cameras import CAMERAS
from server.messages.marking import N_
from server.messages.refusals import REFUSALS
from server.messages.room import ROOM
from server.messages.watching import WATCHING

__all__ = ["MESSAGES", "N_"]

MESSAGES: dict[str, str] = {**REFUSALS, **ROOM, **WATCHING, **CAMERAS}
