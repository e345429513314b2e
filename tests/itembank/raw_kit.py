"""Raw fields of items, and what becomes of them."""

from itembank.importing.drafts import Draft
from itembank.importing.kinds import KindTable
from itembank.importing.normalise import drafted
from itembank.importing.pipeline import read_bank
from itembank.importing.readers import HEADINGS, RawItem
from itembank.item_rules import validate
from itembank.items import Item, ItemFacts
from itembank.problems import Problem
from tests.itembank.bank_files import GOOD, csv_bytes

NO_OPTIONS = {f"option_{key}": "" for key in "ABCD"}
NATIONAL = KindTable({}, {}, national=True)


def raw(**fields: str) -> RawItem:
    return RawItem("row 2", {**GOOD, **fields})


def draft(**fields: str) -> Draft:
    found = drafted(raw(**fields), NATIONAL)
    assert found.faults == (), found.faults
    return found


def item(**fields: str) -> Item:
    found = draft(**fields)
    facts = ItemFacts(
        found.uid or "new", found.point, found.kind, found.difficulty, found.consistency, found.importance,
        found.sample, found.path,
    )  # fmt: skip
    made = Item(facts, found.body)
    assert validate(made) == []
    return made


def faults(**fields: str) -> list[Problem]:
    """What is wrong with a row, as the pipeline reports it."""
    reading = read_bank(csv_bytes([[HEADINGS[name] for name in HEADINGS], cells(**fields)]), "x.csv")
    assert reading.items == ()
    assert {problem.place for problem in reading.rejected} == {"row 2"}
    return list(reading.rejected)


def cells(**fields: str) -> list[str]:
    filled = {**GOOD, **fields}
    return [filled.get(name, "") for name in HEADINGS]


def only(code: str, column: str, **fields: str) -> None:
    (problem,) = faults(**fields)
    assert (problem.code, problem.params.get("column")) == (code, column)


def true_false(**fields: str) -> Item:
    return item(**{"kind": "C", "answer": "对", **NO_OPTIONS, **fields})
