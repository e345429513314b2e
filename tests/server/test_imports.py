"""Imports into a bank: committed once, reviewed elsewhere, nothing stays, sealed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from itembank import richtext
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import Placed
from itembank.items import ItemKind
from itembank.problems import Problem
from server.access import Actor
from server.db.bank import Bank, BankImport, BankItem, BankMedium, ImportMedium, ItemVersion
from server.db.base import vault_of
from server.db.record import AuditEntry
from server.errors import Forbidden, NotFound
from server.host import Host
from server.jobs.bank import export_bank
from server.services import banks, exports, import_commit, import_mapping, imports, rotation
from server.services.export_formats import FORMATS
from server.services.import_commit import Choice
from server.services.signed import Signed
from tests.server import desk, preparing
from tests.server.import_kit import (
    HEAD,
    begun,
    count,
    dry_run,
    item,
    kept,
    picture,
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
