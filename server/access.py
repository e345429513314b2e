"""Who may do what: roles, permissions and the one table that joins them (design D14).

Authorisation stands here alone. Every route and socket event names a `Permission`, or is for agents, or
stands in `PUBLIC`; a test walks all of them.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a person is trusted with; a person may hold several."""

    ADMINISTRATOR = "administrator"  # 考务管理员
    BANK_KEEPER = "bank_keeper"  # 题库管理员
    CUSTODIAN = "custodian"  # 试卷保管人
    CHIEF_INVIGILATOR = "chief_invigilator"  # 主考
    INVIGILATOR = "invigilator"  # 监考员
    ROVER = "rover"  # 流动监考: sees every room, acts in none
    SYSTEM_ADMINISTRATOR = "system_administrator"  # 系统管理员: the machines of a room
    SUPERVISOR = "supervisor"  # 内部质量督导员
    EXAMINER = (
        "examiner"  # 考评员: panels, committees, written papers; the card's grade stands in the register
    )
    SCORER = "scorer"  # 统分人: folds marks into results, settles arbitrations
    MARK_CHECKER = "mark_checker"  # 核分人: checks what the scorer made
    INSTITUTION_HEAD = "institution_head"  # 机构负责人: decides cases
    AUDITOR = "auditor"  # 审计员


class Permission(StrEnum):
    """One kind of act; the value names it in the documentation."""

    SEE_HOME = "see_home"
    MANAGE_STAFF = "manage_staff"
    SEE_BANKS = "see_banks"
    IMPORT_BANK = "import_bank"
    READ_ITEMS = "read_items"
    AUTHOR_ITEMS = "author_items"  # write items and new versions, ask for their review
    REVIEW_ITEMS = "review_items"  # pass another person's items, suspend and retire items
    MANAGE_BLUEPRINTS = "manage_blueprints"  # write drafts of blueprints
    APPROVE_BLUEPRINTS = "approve_blueprints"  # bring another person's draft into use, retire one
    SEE_PAPERS = "see_papers"
    ASSEMBLE_PAPERS = "assemble_papers"
    APPROVE_PAPERS = "approve_papers"
    SEAL_PACKAGE = "seal_package"
    HOLD_KEY = "hold_key"  # keep a custodian key and release a package with it
    SEE_BATCHES = "see_batches"
    MANAGE_BATCHES = "manage_batches"
    SEE_ROOMS = "see_rooms"
    MANAGE_ROOMS = "manage_rooms"
    PAIR_WORKSTATIONS = "pair_workstations"
    MONITOR_ROOM = "monitor_room"
    ADMIT_CANDIDATES = "admit_candidates"
    RUN_ROOM = "run_room"  # start, end a room; end a seat; move a seat
    GRANT_TIME = "grant_time"  # asks for it; a chief co-signs
    COSIGN = "cosign"  # the chief's second signature
    MANAGE_STAFFING = "manage_staffing"  # draw and assign who is on duty where, recusals
    SIGN_DUTY = "sign_duty"  # sign oneself in and out of a duty
    SIGN_SITE_CHECK = "sign_site_check"  # sign that a room's machines are fit
    SUPERVISE = "supervise"  # own notes and findings on a sitting
    PRINT_PAPERS_OF_DAY = "print_papers_of_day"  # tickets, door lists, sign-in sheets
    COMMAND_SEATS = "command_seats"  # pause, resume, message, lock, unlock, check identity again
    REPORT_INCIDENTS = "report_incidents"  # put on the list what a person saw, with photos
    SEE_CASES = "see_cases"  # cases of violations; room staff see those of their own rooms
    HANDLE_CASES = "handle_cases"  # lead a violation through its steps, up to the notice
    DECIDE_CASES = "decide_cases"  # the institution's decision; recheck
    SEE_LEDGER = "see_ledger"  # who sat where and when; a seat's whole course
    SIGN_RECORD = "sign_record"  # correct and sign the room record in one's own role
    EXPORT_ARCHIVE = "export_archive"  # the dossier of a sitting
    MARK_RESULTS = "mark_results"
    SEE_RESULTS = "see_results"
    SEE_TEMPLATES = "see_templates"  # titles and states of sheet templates, not what is asked
    AUTHOR_TEMPLATES = "author_templates"  # write and import sheet templates
    APPROVE_TEMPLATES = "approve_templates"  # approve another person's template
    ARRANGE_ASSESSMENT = "arrange_assessment"  # stations, template, panel, order of a practical or a review
    RUN_ASSESSMENT = "run_assessment"  # call candidates, start and end turns; who is who
    SCORE_SHEETS = "score_sheets"  # one's own sheets on the tablet; the leader confirms
    SEE_PANELS = "see_panels"  # marks of panels, once all are locked
    AGGREGATE_MARKS = "aggregate_marks"  # 统分: aggregate, open and settle arbitrations
    CHECK_MARKS = "check_marks"  # 核分
    MANAGE_REVIEWS = "manage_reviews"  # theses, defence schedule
    MARK_SCRIPTS = "mark_scripts"  # written papers on screen, as one of the markers
    MANAGE_SCRIPTS = "manage_scripts"  # scans in, markers, registers
    DECIDE_EXEMPTIONS = "decide_exemptions"  # licences and exemptions; a second person co-signs
    FOLD_RESULTS = "fold_results"  # fold components into results
    PROPOSE_CORRECTION = "propose_correction"  # of a result, or of a key after the test
    APPROVE_CORRECTION = "approve_correction"  # two of these approve
    PUBLISH_RESULTS = "publish_results"  # publicity lists, objections
    HANDLE_RECHECKS = "handle_rechecks"  # recheck requests
    MANAGE_CALENDAR = "manage_calendar"  # holidays and days worked instead
    MANAGE_VAULT = "manage_vault"  # see the keys' age and renew a bank's key; a second person co-signs
    SEE_SITES = "see_sites"  # the register of sites, what went out and came back
    MANAGE_SITES = "manage_sites"  # register sites; dispatches and results, out and in
    SEE_AUDIT = "see_audit"
    SEE_HEALTH = "see_health"


_PLAN = {Permission.SEE_BATCHES, Permission.SEE_ROOMS}
_DUTY = {Permission.SEE_HOME, Permission.SIGN_DUTY, *_PLAN}
_ROOM = {
    Permission.MONITOR_ROOM,
    Permission.ADMIT_CANDIDATES,
    Permission.RUN_ROOM,
    Permission.GRANT_TIME,
    Permission.COMMAND_SEATS,
    Permission.REPORT_INCIDENTS,
    Permission.SEE_CASES,
    Permission.HANDLE_CASES,
    Permission.SIGN_RECORD,
    Permission.SIGN_DUTY,
    Permission.PRINT_PAPERS_OF_DAY,
}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(
        {
            Permission.SEE_TEMPLATES,
            Permission.ARRANGE_ASSESSMENT,
            Permission.SEE_PANELS,
            Permission.MANAGE_REVIEWS,
            Permission.MANAGE_SCRIPTS,
            Permission.DECIDE_EXEMPTIONS,
            Permission.PUBLISH_RESULTS,
            Permission.HANDLE_RECHECKS,
            Permission.MANAGE_CALENDAR,
            Permission.PROPOSE_CORRECTION,
            Permission.SEE_HOME,
            Permission.MANAGE_STAFF,
            Permission.SEE_BANKS,
            Permission.IMPORT_BANK,
            Permission.MANAGE_BLUEPRINTS,
            Permission.APPROVE_BLUEPRINTS,
            Permission.SEE_PAPERS,
            Permission.ASSEMBLE_PAPERS,
            Permission.APPROVE_PAPERS,
            Permission.SEAL_PACKAGE,
            Permission.HOLD_KEY,
            Permission.MANAGE_BATCHES,
            Permission.MANAGE_ROOMS,
            Permission.MANAGE_STAFFING,
            Permission.PRINT_PAPERS_OF_DAY,
            Permission.PAIR_WORKSTATIONS,
            Permission.MONITOR_ROOM,
            Permission.SEE_LEDGER,
            Permission.SEE_CASES,
            Permission.EXPORT_ARCHIVE,
            Permission.MARK_RESULTS,
            Permission.SEE_RESULTS,
            Permission.SEE_HEALTH,
            Permission.MANAGE_VAULT,
            Permission.SEE_SITES,
            Permission.MANAGE_SITES,
            *_PLAN,
        }
    ),
    Role.BANK_KEEPER: frozenset(
        {
            Permission.SEE_TEMPLATES,
            Permission.AUTHOR_TEMPLATES,
            Permission.APPROVE_TEMPLATES,
            Permission.SEE_HOME,
            Permission.SEE_BANKS,
            Permission.IMPORT_BANK,
            Permission.READ_ITEMS,
            Permission.AUTHOR_ITEMS,
            Permission.REVIEW_ITEMS,
            Permission.MANAGE_BLUEPRINTS,
            Permission.APPROVE_BLUEPRINTS,
            Permission.SEE_PAPERS,
            Permission.ASSEMBLE_PAPERS,
            Permission.APPROVE_PAPERS,
        }
    ),
    Role.CUSTODIAN: frozenset({Permission.SEE_HOME, Permission.SEE_PAPERS, Permission.HOLD_KEY, *_PLAN}),
    Role.CHIEF_INVIGILATOR: frozenset(
        {
            Permission.SEE_TEMPLATES,
            Permission.ARRANGE_ASSESSMENT,
            Permission.RUN_ASSESSMENT,
            Permission.SEE_SITES,
            Permission.MANAGE_SITES,
            Permission.SEE_PANELS,
            Permission.MANAGE_SCRIPTS,
            Permission.SEE_HOME,
            Permission.SEE_PAPERS,
            Permission.HOLD_KEY,
            Permission.PAIR_WORKSTATIONS,
            Permission.COSIGN,
            Permission.MANAGE_STAFFING,
            Permission.SEE_LEDGER,
            Permission.EXPORT_ARCHIVE,
            Permission.MARK_RESULTS,
            Permission.SEE_RESULTS,
            Permission.SEE_HEALTH,
            *_ROOM,
            *_PLAN,
        }
    ),
    Role.INVIGILATOR: frozenset(
        {Permission.RUN_ASSESSMENT, Permission.SEE_HOME, Permission.PAIR_WORKSTATIONS, *_ROOM, *_PLAN}
    ),
    Role.ROVER: frozenset(
        {Permission.MONITOR_ROOM, Permission.REPORT_INCIDENTS, Permission.SIGN_RECORD, *_DUTY}
    ),
    Role.SYSTEM_ADMINISTRATOR: frozenset(
        {
            Permission.MONITOR_ROOM,
            Permission.PAIR_WORKSTATIONS,
            Permission.SIGN_SITE_CHECK,
            Permission.SEE_HEALTH,
            *_DUTY,
        }
    ),
    Role.SUPERVISOR: frozenset(
        {
            Permission.SEE_PANELS,
            Permission.SEE_TEMPLATES,
            Permission.MONITOR_ROOM,
            Permission.SUPERVISE,
            Permission.SEE_CASES,
            Permission.SEE_LEDGER,
            Permission.SEE_RESULTS,
            *_DUTY,
        }
    ),
    Role.EXAMINER: frozenset({Permission.SCORE_SHEETS, Permission.MARK_SCRIPTS, *_DUTY}),
    Role.SCORER: frozenset(
        {
            Permission.SEE_HOME,
            Permission.SEE_TEMPLATES,
            Permission.SEE_PANELS,
            Permission.AGGREGATE_MARKS,
            Permission.FOLD_RESULTS,
            Permission.SEE_RESULTS,
            Permission.MARK_RESULTS,
            Permission.HANDLE_RECHECKS,
            Permission.PROPOSE_CORRECTION,
            Permission.APPROVE_CORRECTION,
            *_PLAN,
        }
    ),
    Role.MARK_CHECKER: frozenset(
        {
            Permission.SEE_HOME,
            Permission.SEE_PANELS,
            Permission.CHECK_MARKS,
            Permission.SEE_RESULTS,
            Permission.HANDLE_RECHECKS,
            Permission.APPROVE_CORRECTION,
            *_PLAN,
        }
    ),
    Role.INSTITUTION_HEAD: frozenset(
        {
            Permission.SEE_PANELS,
            Permission.SEE_TEMPLATES,
            Permission.APPROVE_CORRECTION,
            Permission.DECIDE_EXEMPTIONS,
            Permission.PUBLISH_RESULTS,
            Permission.SEE_HOME,
            Permission.DECIDE_CASES,
            Permission.SEE_SITES,
            Permission.SEE_CASES,
            Permission.SEE_LEDGER,
            Permission.SEE_RESULTS,
            *_PLAN,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            Permission.SEE_PANELS,
            Permission.SEE_TEMPLATES,
            Permission.SEE_HOME,
            Permission.SEE_AUDIT,
            Permission.SEE_SITES,
            Permission.SEE_CASES,
            Permission.SEE_HEALTH,
            Permission.SEE_RESULTS,
            Permission.SEE_LEDGER,
            *_PLAN,
        }
    ),
}

PUBLIC: frozenset[str] = frozenset(
    {
        "security.login",
        "security.logout",
        "static",
        "public.language",
        "public.catalog",
        "public.site_ca",
        "public.health",
        "public.ready",
        "metrics.metrics",  # asks for its own token or for SEE_HEALTH
        "publicity.public",
        "own_result.form",
        "own_result.look_up",
        "agent.pair",
        "agent.challenge",
        "agent.session",
        "agent_room.pair",
        "agent_standby.epoch",
        "agent_standby.primary_gone",
        "agent_shipping.pair",  # asks for a one-time code
        "agent_room.challenge",
        "agent_room.session",
        "site_link.exchange",
        "site_link.fetch",
        "site_link.put",
    }
)
"""Flask endpoints that need no staff permission and no agent token. Pairing proves a one-time code itself,
a site signs each of its requests.
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """The person (or the system) behind an act, as the services see it."""

    user_id: int | None
    name: str
    roles: frozenset[Role] = field(default_factory=frozenset)

    def can(self, permission: Permission) -> bool:
        """Whether any of the actor's roles carries the permission."""
        return any(permission in PERMISSIONS[role] for role in self.roles)


SYSTEM = Actor(None, "system")
"""The server itself: time-over, link watching, retention."""
