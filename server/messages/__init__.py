"""The sentence of every refusal, problem and activity code. `%(name)s` are their parameters."""

from server.messages.assembly import ASSEMBLY
from server.messages.assessments import ASSESSMENTS
from server.messages.banking import BANKING
from server.messages.blueprints import BLUEPRINTS
from server.messages.breaches import BREACHES
from server.messages.bundling import BUNDLING
from server.messages.calls import CALLS
from server.messages.cameras import CAMERAS
from server.messages.cases import CASES
from server.messages.checks import CHECKS
from server.messages.commands import COMMANDS
from server.messages.day_papers import DAY_PAPERS
from server.messages.desk import DESK
from server.messages.documents import DOCUMENTS
from server.messages.importing import IMPORTING
from server.messages.items import ITEMS
from server.messages.kiosk import KIOSK
from server.messages.marking import N_
from server.messages.moodle import MOODLE
from server.messages.packages import PACKAGES
from server.messages.panel_marks import PANEL_MARKS
from server.messages.papers import PAPERS
from server.messages.policies import POLICIES
from server.messages.prints import PRINTS
from server.messages.publicity import PUBLICITY
from server.messages.qti import QTI
from server.messages.records import RECORDS
from server.messages.refusals import REFUSALS
from server.messages.rescue import RESCUE
from server.messages.results import RESULTS
from server.messages.reviews import REVIEWS
from server.messages.room import ROOM
from server.messages.rooms import ROOMS
from server.messages.scoring import SCORING
from server.messages.scripts import SCRIPTS
from server.messages.seating import SEATING
from server.messages.seb import SEB
from server.messages.sheets import SHEETS
from server.messages.sites import SITES
from server.messages.staffing import STAFFING
from server.messages.templates import TEMPLATES
from server.messages.watching import WATCHING

__all__ = ["MESSAGES", "N_"]

MESSAGES: dict[str, str] = {
    **REFUSALS,
    **ROOM,
    **SEATING,
    **SEB,
    **BUNDLING,
    **RESCUE,
    **RESULTS,
    **WATCHING,
    **BREACHES,
    **KIOSK,
    **CALLS,
    **CAMERAS,
    **CASES,
    **CHECKS,
    **COMMANDS,
    **DESK,
    **IMPORTING,
    **MOODLE,
    **PACKAGES,
    **PANEL_MARKS,
    **PAPERS,
    **POLICIES,
    **PRINTS,
    **PUBLICITY,
    **ROOMS,
    **RECORDS,
    **DAY_PAPERS,
    **ASSEMBLY,
    **ASSESSMENTS,
    **BANKING,
    **BLUEPRINTS,
    **DOCUMENTS,
    **ITEMS,
    **QTI,
    **SCORING,
    **SCRIPTS,
    **REVIEWS,
    **SHEETS,
    **SITES,
    **STAFFING,
    **TEMPLATES,
}
