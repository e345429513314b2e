"""What a report of an import explains, and what is packed for it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from itembank.importing.drafts import Declared
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import MappingWish
from server.access import Actor
from server.db.bank import ImportMapping
from server.host import Host
from server.jobs.bank import reading_of
from server.services import banks, import_mapping, imports
from server.services.readings import from_bytes, packed, to_bytes
from tests.server import desk, preparing
from tests.server.import_kit import (
    HEAD,
    begun,
    count,
    dry_run,
    item,
    kept,
    reading,
    refused,
    report,
    row,
    row_of,
    with_picture,
)


@pytest.fixture
def people(person_as: Callable[..., Actor]) -> preparing.Crew:
    return preparing.crew(person_as)


@pytest.fixture
def bank(host: Host, people: preparing.Crew) -> int:
    return host.db.write(banks.create, people.keeper, banks.new_bank("题库", "baowei", 3), now=host.now())


class TestExplained:
    WISH = MappingWish("t" * 64, ("题面", "类", "无关"), {"D": "多选?"}, {"题面": "stem"}, {"D": "multiple"})

    def asking(self, host: Host, who: Actor, bank_id: int) -> int:
        import_id = begun(host, who, bank_id)
        kept(host, import_id, replace(packed(reading(wish=self.WISH)), samples={"题面": ["何时报警？"]}))
        return import_id

    def payload(self, host: Host, import_id: int) -> dict[str, object]:
        with host.db.read() as session:
            return import_mapping.payload(session, import_id)

    def declare(self, host: Host, who: Actor, import_id: int, **told: object) -> None:
        said = Declared(**({"columns": {"题面": "stem", "类": "kind"}, "codes": {"D": "single"}} | told))
        host.db.write(import_mapping.declare, who, import_id, said, now=host.now())

    def test_an_import_that_asks_brings_nothing(self, host: Host, people: preparing.Crew, bank: int) -> None:
        import_id = self.asking(host, people.keeper, bank)
        known = report(host, import_id)
        assert (known.state, known.known.samples) == ("mapping", {"题面": ["何时报警？"]})
        assert (
            refused(lambda: preparing.take_in(host, people.keeper, import_id, good_rows=True))
            == "import_not_ready"
        )

    def test_what_is_declared_goes_to_the_reader_and_is_remembered_for_the_layout(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = self.asking(host, people.keeper, bank)
        self.declare(host, people.keeper, import_id)
        work = self.payload(host, import_id)
        assert work["columns"] == {"题面": "stem", "类": "kind", "无关": ""}
        assert (work["codes"], work["remembered"]) == ({"D": "single"}, {})
        assert row_of(host, import_id).state == "reading"
        following = self.payload(host, begun(host, people.administrator, bank))
        assert following["remembered"] == {"t" * 64: {"columns": work["columns"], "codes": {"D": "single"}}}
        assert (following["columns"], following["codes"]) == ({}, {})

    def test_asked_again_nothing_is_remembered_for_this_file_but_shown_as_chosen(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = self.asking(host, people.keeper, bank)
        self.declare(host, people.keeper, import_id)
        kept(host, import_id, reading(item("T-1")))
        assert report(host, import_id).mapping["codes"] == {"D": "single"}
        host.db.write(import_mapping.ask, people.keeper, import_id)
        work = self.payload(host, import_id)
        assert (work["columns"], work["codes"], work["remembered"]) == ({}, {}, {})
        kept(host, import_id, reading(wish=self.WISH))
        with host.db.read() as session:
            chosen = import_mapping.suggestion(session, imports.report(session, import_id))
        assert (chosen.columns["题面"], chosen.codes) == ("stem", {"D": "single"})

    def test_only_known_fields_and_kinds_can_be_declared(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = self.asking(host, people.keeper, bank)
        for told, code in (
            ({"columns": {"题面": "password"}}, "field_unknown"),
            ({"codes": {"D": "unsupported"}}, "kind_unknown"),
        ):
            assert refused(lambda told=told: self.declare(host, people.keeper, import_id, **told)) == code
        assert count(host, ImportMapping) == [0]

    def test_a_known_layout_that_asks_for_codes_keeps_its_columns(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = self.asking(host, people.keeper, bank)
        self.declare(host, people.keeper, import_id, columns={})
        assert self.payload(host, import_id)["columns"] == {}

    def test_a_decided_import_is_not_explained_again(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = dry_run(host, people.keeper, bank, row(1))
        preparing.take_in(host, people.keeper, import_id)
        ask = lambda: host.db.write(import_mapping.ask, people.keeper, import_id)  # noqa: E731
        assert refused(ask) == "import_not_ready"


class TestPacked:
    def test_survives_as_bytes_line_by_line(self) -> None:
        data = desk.csv([HEAD, row(1), row(2, answer="E"), row(3, stem="一\u2028二")])
        known = replace(packed(read_bank(data, "a.csv")), mapping={"codes": {"D": "x"}}, samples={"a": ["b"]})
        assert from_bytes(to_bytes(known)) == known
        assert len(to_bytes(known).split(b"\n")) == 1 + len(known.reading.items)

    def test_a_child_hands_over_its_media_with_the_reading(self, host: Host) -> None:
        found = with_picture("T-1")
        (file,) = found.media.values()
        shape = {file.medium.sha256: ["image/png", 4, 3]}
        answer = {
            "reading": to_bytes(packed(found)),
            "media": shape,
            f"medium/{file.medium.sha256}": file.data,
        }
        assert reading_of(answer).reading == found
