"""The template of a room that a panel assesses, for those who score: out of the package that was released.

Before two custodians opened the room's package (R20) nobody who scores gets it: the key of its section is in
nobody's hands.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.package import open_section, section_key
from itembank.sheet_template import Template
from server.db.assessing import SheetTemplate
from server.db.papers import Package
from server.errors import Refused
from server.services import packages, sheet_templates
from server.services.package_contents import SHEET


def released_template(session: Session, room_sitting_id: int) -> Template:
    """The template that the room's panel scores by; `Refused` (template_not_released) before its release.

    After the package was destroyed it comes from the bank: what was assessed must remain replayable.
    """
    package = packages.current(session, room_sitting_id) or _destroyed(session, room_sitting_id)
    if package is None or package.template_id is None or package.released_at is None:
        raise Refused("template_not_released", 403)
    if package.state == "destroyed":
        return sheet_templates.opened(session, session.get_one(SheetTemplate, package.template_id))
    key = section_key(packages.content_key(session, package), SHEET)
    return Template.from_json(open_section(package.data, SHEET, key))


def is_released(session: Session, room_sitting_id: int) -> bool:
    """Whether `released_template` would answer; opens nothing."""
    package = packages.current(session, room_sitting_id) or _destroyed(session, room_sitting_id)
    return package is not None and package.template_id is not None and package.released_at is not None


def _destroyed(session: Session, room_sitting_id: int) -> Package | None:
    query = select(Package).where(
        Package.room_sitting_id == room_sitting_id,
        Package.state == "destroyed",
        Package.released_at.is_not(None),
    )
    return session.scalars(query.order_by(Package.id.desc()).limit(1)).first()
