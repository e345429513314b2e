"""What is sealed for a room: forms with their keys, or the template that a panel scores by."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.db.assessing import SheetTemplate
from server.db.bank import Bank
from server.db.papers import PaperSet
from server.db.sittings import Sitting
from server.errors import Refused
from server.rules.policy import LevelPolicy
from server.rules.policy_components import ASSESSED
from server.services import packages, papers, sheet_templates
from server.services.paper_forms import built, new_shuffle

SHEET_FORM = "A"
SHEET = f"sheet/{SHEET_FORM}"
"""The section of a package that holds a template."""

Sections = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Contents:
    """Sections of the main package by form letter and name, and those of the spare one, empty for none."""

    paper_set_id: int | None
    template_id: int | None
    suite: str
    main: Mapping[str, Sections]
    spare: Mapping[str, Sections]


def contents(session: Session, sitting: Sitting, policy: LevelPolicy) -> Contents:
    """What a room of this sitting is to get. Every reason why it cannot be sealed has its code."""
    return _template(session, sitting) if sitting.method in ASSESSED else _forms(session, sitting, policy)


def _template(session: Session, sitting: Sitting) -> Contents:
    row = session.get(SheetTemplate, sitting.template_id) if sitting.template_id else None
    if row is None:
        raise Refused("template_missing")
    if row.state != "approved":
        raise Refused("template_not_approved", title=row.title)
    bank = session.get_one(Bank, row.bank_id)
    sections = {SHEET: sheet_templates.opened(session, row).to_json()}
    return Contents(None, row.id, bank.suite, {SHEET_FORM: sections}, {})


def _forms(session: Session, sitting: Sitting, policy: LevelPolicy) -> Contents:
    row, shuffle = _approved(session, sitting), new_shuffle(policy)

    def sections(letter: str) -> Sections:
        form, key = built(session, row, letter, sitting.minutes, shuffle)
        return {f"paper/{letter}": form.to_json(), f"key/{letter}": key.to_json()}

    main, spare = packages.letters(session, row)
    suite = session.get_one(Bank, row.bank_id).suite
    shown, kept = ({letter: sections(letter) for letter in letters} for letters in (main, spare))
    return Contents(row.id, None, suite, shown, kept)


def _approved(session: Session, sitting: Sitting) -> PaperSet:
    row = session.get(PaperSet, sitting.paper_set_id) if sitting.paper_set_id else None
    if row is None:
        raise Refused("papers_missing")
    if row.state != "approved":
        raise Refused("papers_not_approved", title=row.title)
    unmet = papers.unmet(row)
    if unmet:
        raise Refused("paper_breaks_blueprint", title=row.title, count=len(unmet))
    papers.need_none_stopped(session, row)
    return row
