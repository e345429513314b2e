"""Imports at the services: dry run, explaining, commit in one transaction, nothing left behind."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image
from sqlalchemy import func, select

from itembank import richtext
from itembank.importing.drafts import Declared
from itembank.importing.media import MediaBox
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading, MappingWish, Placed
from itembank.items import Item, ItemBody, ItemFacts, ItemKind, Markup, Option
from itembank.problems import Problem
from server.access import Actor
from server.db.bank import Bank, BankImport, BankItem, BankMedium, ImportMapping, ImportMedium, ItemVersion
from server.db.base import vault_of
from server.db.record import AuditEntry
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.jobs.bank import export_bank, reading_of
from server.services import banks, exports, import_commit, import_mapping, imports, rotation
from server.services.export_formats import FORMATS
from server.services.import_commit import Choice
from server.services.readings import Packed, from_bytes, packed, to_bytes
from server.services.signed import Signed
from tests.server import desk, preparing

HEAD = [
    *("题库名称", "ID", "序号", "认定点代码", "题型代码", "题号", "试题（题干）"),
    *(f"试题（选项{letter}）" for letter in "ABCDE"),
    *("【图】及位置", "正确答案", "难度代码", "一致性代码", "解析"),
]


def row(
    number: int, *, kind: str = "B", answer: str = "A", stem: str = "", options: str = "甲乙丙丁"
) -> list[object]:
    stem = stem or f"第 {number} 道题问的是什么？"
    cells = [*options, *[""] * (5 - len(options))]
    return ["示例", f"T-{number}", number, "A-A-A-001", kind, number, stem, *cells, "", answer, 3, 5, ""]


@pytest.fixture
def people(person_as: Callable[..., Actor]) -> preparing.Crew:
    return preparing.crew(person_as)


@pytest.fixture
def bank(host: Host, people: preparing.Crew) -> int:
    return host.db.write(banks.create, people.keeper, banks.new_bank("题库", "baowei", 3), now=host.now())


def count(host: Host, *tables: type) -> list[int]:
    return desk.counts(host, *tables)


def row_of(host: Host, import_id: int) -> BankImport:
    with host.db.read() as session:
        known = session.get_one(BankImport, import_id)
        known.sealed_file, known.sealed_reading  # noqa: B018 - deferred columns
        session.expunge(known)
    return known


def report(host: Host, import_id: int) -> imports.ImportReport:
    with host.db.read() as session:
        return imports.report(session, import_id)


def begun(host: Host, who: Actor, bank_id: int, data: bytes = b"file", name: str = "a.csv") -> int:
    return host.db.write(imports.begin, who, bank_id, imports.UploadedFile(name, data), now=host.now())


def kept(host: Host, import_id: int, found: Packed | BankReading) -> None:
    with host.db.read() as session:
        made = imports.checked(session, import_id, found)
    host.db.write(imports.store, import_id, made)


def dry_run(host: Host, who: Actor, bank_id: int, *rows: list[object]) -> int:
    return preparing.dry_run(host, who, bank_id, desk.csv([HEAD, *rows]), "a.csv")


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


def item(uid: str, **body: object) -> Item:
    facts = ItemFacts(uid, "", ItemKind.SINGLE, 0, None, "", False, path="消防/器材")
    shape = {"stem": f"题 {uid}", "options": (Option("A", "甲"), Option("B", "乙")), "answer": ("A",)}
    return Item(facts, ItemBody(**(shape | body)))


def reading(*items: Item, **more: object) -> BankReading:
    placed = tuple(Placed(f"row {number}", each) for number, each in enumerate(items, 2))
    return replace(BankReading("moodle-xml", "utf-8", placed, ()), **more)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(out, "PNG")
    return out.getvalue()


def with_picture(uid: str) -> BankReading:
    box = MediaBox()
    medium = box.add(picture(), "row 2")
    stem = f'<p>题 {uid} <img src="media:{medium.sha256}"></p>'
    return reading(item(uid, stem=stem, markup=Markup.HTML, media=(medium,)), media=box.files)


class TestCommit:
    @pytest.mark.both_stores
    def test_every_item_comes_with_its_first_version_and_its_origin(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = dry_run(host, people.keeper, bank, row(1), row(2, kind="C", answer="对", options=""))
        assert preparing.take_in(host, people.keeper, import_id) == 2
        with host.db.read() as session:
            known = session.scalars(select(BankItem).order_by(BankItem.uid)).all()
            assert [(each.uid, each.kind, each.status) for each in known] == [
                ("T-1", "single", "draft"),
                ("T-2", "true_false", "draft"),
            ]
            for each in known:
                version = session.get_one(ItemVersion, (each.id, 1))
                assert (version.import_id, version.place) == (import_id, each.place)
                assert version.sealed_body == each.sealed_body
                assert version.content_index == each.content_index
                assert version.facts["uid"] == each.uid
                assert version.author_id == each.author_id == people.keeper.user_id
                assert (version.reviewer_id, version.reviewed_at) == (None, None)
                wrapped = session.get_one(Bank, bank).wrapped_key
                body = vault_of(session).open_item(wrapped, each.uid, 1, version.sealed_body)
                assert body.stem == f"第 {each.uid[-1]} 道题问的是什么？"
            origin = session.get_one(BankImport, import_id)
            assert (
                origin.sha256
                == imports.UploadedFile(
                    "", desk.csv([HEAD, row(1), row(2, kind="C", answer="对", options="")])
                ).sha256
            )

    def test_nothing_of_the_file_stays(self, host: Host, people: preparing.Crew, bank: int) -> None:
        import_id = begun(host, people.keeper, bank)
        kept(host, import_id, with_picture("T-1"))
        assert row_of(host, import_id).sealed_file
        assert count(host, ImportMedium, BankMedium) == [1, 0]
        preparing.take_in(host, people.keeper, import_id)
        done = row_of(host, import_id)
        assert (done.state, done.sealed_file, done.sealed_reading) == ("committed", None, None)
        assert count(host, ImportMedium, BankMedium) == [0, 1]
        with host.db.read() as session:
            (medium,) = exports.media(session, bank)
        assert (medium.whole, medium.mime, medium.width) == (True, "image/png", 4)

    def test_a_medium_that_the_bank_has_comes_in_once(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        for uid in ("T-1", "T-2"):
            import_id = begun(host, people.keeper, bank)
            kept(host, import_id, with_picture(uid))
            preparing.take_in(host, people.keeper, import_id)
        assert count(host, BankItem, BankMedium, ImportMedium) == [2, 1, 0]

    def test_a_faulty_row_stops_it_until_good_rows_are_chosen(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = dry_run(host, people.administrator, bank, row(1), row(2, answer="E"))
        (problem,) = report(host, import_id).reading.rejected
        assert (problem.code, "3" in problem.place) == ("answer_not_an_option", True)
        assert (
            refused(lambda: preparing.take_in(host, people.administrator, import_id)) == "import_has_faults"
        )
        assert count(host, BankItem, ItemVersion) == [0, 0]
        assert preparing.take_in(host, people.administrator, import_id, good_rows=True) == 1
        assert count(host, BankItem, ItemVersion) == [1, 1]

    def test_once(self, host: Host, people: preparing.Crew, bank: int) -> None:
        import_id = dry_run(host, people.keeper, bank, row(1))
        with host.db.read() as session:
            twice = import_commit.prepare(session, import_id, Choice())
        preparing.take_in(host, people.keeper, import_id)
        assert refused(lambda: preparing.take_in(host, people.keeper, import_id)) == "import_not_ready"
        late = lambda: host.db.write(import_commit.take_in, people.keeper, twice, now=host.now())  # noqa: E731
        assert refused(late) == "import_not_ready"
        assert count(host, BankItem) == [1]

    @pytest.mark.both_stores
    def test_two_imports_at_once_do_not_bring_an_item_twice(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        """Both are prepared before either is committed: the second looks again inside its transaction."""
        runs = [dry_run(host, people.keeper, bank, row(1), row(number)) for number in (2, 3)]
        with host.db.read() as session:
            made = [import_commit.prepare(session, run, Choice()) for run in runs]
        assert host.db.write(import_commit.take_in, people.keeper, made[0], now=host.now()) == 2
        late = lambda: host.db.write(import_commit.take_in, people.keeper, made[1], now=host.now())  # noqa: E731
        assert refused(late) == "import_has_faults"
        assert preparing.take_in(host, people.keeper, runs[1], good_rows=True) == 1
        with host.db.read() as session:
            assert list(session.scalars(select(BankItem.uid).order_by(BankItem.uid))) == ["T-1", "T-2", "T-3"]

    def test_a_key_that_changed_meanwhile_seals_the_items(
        self, host: Host, people: preparing.Crew, bank: int, person_as: Callable[..., Actor]
    ) -> None:
        import_id = begun(host, people.keeper, bank)
        kept(host, import_id, with_picture("T-1"))
        with host.db.read() as session:
            made = import_commit.prepare(session, import_id, Choice())
        signed = Signed(people.administrator, cosigner=people.keeper)
        host.db.write(rotation.begin, signed, bank, "", now=host.now())
        host.db.write(import_commit.take_in, people.keeper, made, now=host.now())
        with host.db.read() as session:
            new = session.get_one(Bank, bank).next_key
            (known,) = session.scalars(select(BankItem))
            (medium,) = session.scalars(select(BankMedium))
            assert vault_of(session).open_item(new, "T-1", 1, known.sealed_body).media
            assert vault_of(session).open_medium(new, medium.sha256, medium.sealed)

    def test_what_the_bank_has_is_rejected_by_id_and_content_and_mentioned_by_stem(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        preparing.take_in(host, people.keeper, dry_run(host, people.keeper, bank, row(1), row(2)))
        again = [row(1, stem="另一道题？"), [*row(9)], row(4, stem="第 2 道题问的是什么？", options="子丑寅")]
        again[1][6] = "第 1 道题问的是什么？"
        found = report(host, dry_run(host, people.keeper, bank, *again)).reading
        assert [each.code for each in found.rejected] == ["item_id_taken", "item_already_in_bank"]
        assert [(each.code, each.params["uid"]) for each in found.warnings] == [("same_stem_in_bank", "T-2")]
        assert [placed.item.facts.uid for placed in found.items] == ["T-4"]

    def test_what_items_lack_is_filled_in_by_category_and_by_default(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        other = replace(item("T-2"), facts=replace(item("T-2").facts, path="", difficulty=5))
        import_id = begun(host, people.keeper, bank)
        kept(host, import_id, reading(item("T-1"), other))
        assert report(host, import_id).paths_without_point() == [("", 1), ("消防/器材", 1)]
        assert report(host, import_id).without_difficulty() == 1
        chosen = {"point": "A-A-001", "difficulty": 2, "points": {"消防/器材": "B-A-007"}}
        preparing.take_in(host, people.keeper, import_id, **chosen)
        with host.db.read() as session:
            found = session.execute(select(BankItem.point, BankItem.difficulty).order_by(BankItem.uid)).all()
            versions = session.scalars(select(ItemVersion.facts).order_by(ItemVersion.item_id)).all()
        assert [tuple(each) for each in found] == [("B-A-007", 2), ("A-A-001", 5)]
        assert [each["point"] for each in versions] == ["B-A-007", "A-A-001"]

    @pytest.mark.parametrize(
        ("choice", "code"),
        [
            ({"point": "nowhere"}, "bad_point"),
            ({"points": {"消防": "A-1"}}, "bad_point"),
            ({"difficulty": 6}, "bad_difficulty"),
        ],
    )
    def test_what_is_filled_in_must_be_right(
        self, host: Host, people: preparing.Crew, bank: int, choice: dict[str, object], code: str
    ) -> None:
        import_id = dry_run(host, people.keeper, bank, row(1))
        assert refused(lambda: preparing.take_in(host, people.keeper, import_id, **choice)) == code


class TestReviewedElsewhere:
    def test_complete_items_are_active_others_wait(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        full = replace(item("T-2"), facts=replace(item("T-2").facts, point="A-A-001", difficulty=3))
        import_id = begun(host, people.administrator, bank)
        kept(host, import_id, reading(item("T-1"), full))
        signed = Signed(people.administrator, "市题库办 2026 年审定", people.keeper)
        preparing.take_in(host, signed, import_id, reviewed=True)
        with host.db.read() as session:
            known = session.execute(
                select(BankItem.uid, BankItem.status, BankItem.reviewer_id).order_by(BankItem.uid)
            )
            assert [tuple(each) for each in known] == [
                ("T-1", "draft", people.keeper.user_id),
                ("T-2", "active", people.keeper.user_id),
            ]
            (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "bank_imported"))
            assert entry.details["cosigned_by"] == people.keeper.name
            assert entry.details["reason"] == "市题库办 2026 年审定"

    def test_takes_a_reason_and_a_second_person_who_may_review_items(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = dry_run(host, people.administrator, bank, row(1))
        wrong = {
            "reason_missing": Signed(people.administrator, "", people.keeper),
            "cosign_missing": Signed(people.administrator, "审定"),
            "cosign_same_person": Signed(people.keeper, "审定", people.keeper),
            "forbidden": Signed(people.administrator, "审定", people.approver),
        }
        for code, who in wrong.items():
            assert refused(lambda who=who: preparing.take_in(host, who, import_id, reviewed=True)) == code
        assert count(host, BankItem) == [0]

    def test_the_console_of_the_server_needs_nobody(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = dry_run(host, people.keeper, bank, row(1))
        preparing.take_in(host, preparing.CONSOLE, import_id, reviewed=True)
        with host.db.read() as session:
            assert banks.view(session, bank).by_status == {"active": 1}


class TestNothingStays:
    """After a refusal, a cancelled reading and a discarded dry run."""

    def empty(self, host: Host, import_id: int, state: str) -> bool:
        known = row_of(host, import_id)
        gone = known.sealed_file is None and count(host, BankItem, ImportMedium) == [0, 0]
        return gone and known.state == state

    def test_discarded(self, host: Host, people: preparing.Crew, bank: int) -> None:
        import_id = begun(host, people.keeper, bank)
        kept(host, import_id, with_picture("T-1"))
        host.db.write(imports.discard, people.keeper, import_id, now=host.now())
        assert self.empty(host, import_id, "discarded")
        assert row_of(host, import_id).sealed_reading is None
        assert refused(lambda: preparing.take_in(host, people.keeper, import_id)) == "import_not_ready"

    def test_cancelled_while_reading(self, host: Host, people: preparing.Crew, bank: int) -> None:
        import_id = begun(host, people.keeper, bank)
        host.db.write(imports.cancelled, import_id)
        assert self.empty(host, import_id, "discarded")
        kept(host, import_id, with_picture("T-1"))  # the child's answer was under way
        assert self.empty(host, import_id, "discarded")

    def test_a_file_that_cannot_be_read(self, host: Host, people: preparing.Crew, bank: int) -> None:
        import_id = begun(host, people.keeper, bank)
        host.db.write(imports.fail, import_id, Problem("file_binary", "a.csv", {"name": "a.csv"}))
        assert self.empty(host, import_id, "failed")
        assert report(host, import_id).reading.rejected[0].code == "file_binary"

    def test_a_committed_import_is_not_discarded(self, host: Host, people: preparing.Crew, bank: int) -> None:
        import_id = dry_run(host, people.keeper, bank, row(1))
        preparing.take_in(host, people.keeper, import_id)
        discard = lambda: host.db.write(imports.discard, people.keeper, import_id, now=host.now())  # noqa: E731
        assert refused(discard) == "import_not_ready"


class TestSealed:
    def test_file_reading_and_media_are_ciphertext(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        secret = "第 1 道题问的是什么"
        dry_run(host, people.keeper, bank, row(1))
        import_id = begun(host, people.keeper, bank)
        kept(host, import_id, with_picture("T-1"))
        files = [path for path in host.settings.data.rglob("*") if path.is_file()]
        assert files
        for path in files:
            content = path.read_bytes()
            assert secret.encode() not in content
            assert picture()[:40] not in content

    def test_a_file_comes_back_as_it_was(self, host: Host, people: preparing.Crew, bank: int) -> None:
        import_id = begun(host, people.keeper, bank, b"\x00\x01bytes", "库.xls")
        with host.db.read() as session:
            file = imports.kept_file(session, import_id)
        assert (file.name, file.data) == ("库.xls", b"\x00\x01bytes")

    def test_bodies_of_anothers_file_are_for_who_may_read_items_and_on_record(
        self, host: Host, people: preparing.Crew, bank: int
    ) -> None:
        import_id = begun(host, people.administrator, bank)
        kept(host, import_id, with_picture("T-1"))
        (sha,) = with_picture("T-1").media
        with host.db.read() as session:
            assert imports.medium(session, people.administrator, import_id, sha).data
            assert imports.medium(session, people.keeper, import_id, sha).medium.mime == "image/png"
            with pytest.raises(Forbidden):
                imports.medium(session, people.approver, import_id, sha)
            with pytest.raises(NotFound):
                imports.medium(session, people.keeper, import_id, "0" * 64)
        for who in (people.administrator, people.keeper):
            host.db.write(imports.note_reading, who, import_id, "preview", now=host.now())
        with host.db.read() as session:
            noted = session.scalars(select(AuditEntry.actor).where(AuditEntry.act == "import_read")).all()
        assert noted == [people.keeper.name]  # the administrator has the file


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


def test_only_who_may_import_does(host: Host, people: preparing.Crew, bank: int) -> None:
    import_id = dry_run(host, people.keeper, bank, row(1))
    for act in (
        lambda: begun(host, people.chief, bank),
        lambda: preparing.take_in(host, people.chief, import_id),
        lambda: host.db.write(imports.discard, people.chief, import_id, now=host.now()),
        lambda: host.db.write(import_mapping.ask, people.chief, import_id),
    ):
        with pytest.raises(Forbidden):
            act()
    assert count(host, BankItem, BankImport) == [0, 1]


def test_an_audit_entry_tells_how_many_and_of_which_file_but_no_text(
    host: Host, people: preparing.Crew, bank: int
) -> None:
    preparing.take_in(host, people.keeper, dry_run(host, people.keeper, bank, row(1)))
    with host.db.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "bank_imported"))
        sha = session.scalar(select(func.max(BankImport.sha256)))
    assert entry.details == {"items": 1, "sha256": sha}


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_taken_out_comes_in_again(host: Host, people: preparing.Crew, bank: int, form: str) -> None:
    import_id = begun(host, people.keeper, bank)
    second = item("T-2", stem="题 T-2 = 什么？", explanation="见条例")
    kept(
        host,
        import_id,
        replace(with_picture("T-1"), items=(*with_picture("T-1").items, Placed("row 3", second))),
    )
    preparing.take_in(host, people.keeper, import_id)
    with host.db.read() as session:
        work = exports.payload(session, people.keeper, bank, form)
    written = export_bank(work, lambda *_: None)
    again = read_bank(written["data"], f"out.{FORMATS[form].suffix}")
    assert {placed.item.facts.kind for placed in again.items} == {ItemKind.SINGLE}
    plain = next(placed.item for placed in again.items if "什么" in placed.item.body.stem)
    right = {option.text for option in plain.body.options if option.key in plain.body.answer}
    assert {richtext.plain(text) for text in right} == {"甲"}
    if form == "gift":  # no pictures there: the item is left out and named
        assert "T-1" in {note["place"] for note in written["notes"]}
    else:
        assert (len(again.items), len(again.media)) == (2, 1)
