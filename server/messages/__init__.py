"""The sentence of every refusal, problem and activity code. `%(name)s` are their parameters."""

from server.messages.assembly import ASSEMBLY
from server.messages.banking import BANKING
from server.messages.blueprints import BLUEPRINTS
from server.messages.breaches import BREACHES
from server.messages.bundling import BUNDLING
from server.messages.calls import CALLS
from server.messages.cameras import CAMERAS
from server.messages.checks import CHECKS
from server.messages.documents import DOCUMENTS
from server.messages.importing import IMPORTING
from server.messages.items import ITEMS
from server.messages.kiosk import KIOSK
from server.messages.marking import N_
from server.messages.moodle import MOODLE
from server.messages.packages import PACKAGES
from server.messages.papers import PAPERS
from server.messages.prints import PRINTS
from server.messages.qti import QTI
from server.messages.refusals import REFUSALS
from server.messages.rescue import RESCUE
from server.messages.room import ROOM
from server.messages.seb import SEB
from server.messages.sheets import SHEETS
from server.messages.watching import WATCHING

__all__ = ["MESSAGES", "N_"]

MESSAGES: dict[str, str] = {
    **REFUSALS,
    **ROOM,
    **SEB,
    **BUNDLING,
    **RESCUE,
    **WATCHING,
    **BREACHES,
    **KIOSK,
    **CALLS,
    **CAMERAS,
    **CHECKS,
    **IMPORTING,
    **MOODLE,
    **PACKAGES,
    **PAPERS,
    **PRINTS,
    **ASSEMBLY,
    **BANKING,
    **BLUEPRINTS,
    **DOCUMENTS,
    **ITEMS,
    **QTI,
    **SHEETS,
}
