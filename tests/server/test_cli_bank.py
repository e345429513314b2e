"""`examhall bank` and `examhall papers` as typed, over a data folder of their own."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openpyxl import Workbook
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from itembank.importing.layouts import template_of
from itembank.keyfile import KeyFile, create_keyfile
from itembank.sealing import PassphraseParams
from server.access import SYSTEM, Role
from server.cli import main
from server.db.bank import Bank, BankImport, BankItem, BankMedium, ImportMapping
from server.db.migrate import upgrade
from server.db.record import AuditEntry
from server.db.rooms import Room
from server.db.sittings import Batch, RoomSitting, Sitting
from server.host import Host, open_host
from server.services import passwords, staff
from server.services.locking import DataLock
from server.services.unlocked import keep_unlocked
from server.settings import Settings
from tests.server.bank_desk import MOODLE

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "server" / "samples" / "bank_baowei_3.csv"
BLUEPRINT = ROOT / "server" / "samples" / "blueprint_baowei_3.yaml"
PASSWORD = "correct horse battery"
Examhall = Callable[..., Result]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return {
        "EXAMHALL_DATA": str(tmp_path / "data"),
        "EXAMHALL_KEYFILE": str(tmp_path / "master.json"),
        "EXAMHALL_UNLOCKED": str(tmp_path / "unlocked"),
        "DATABASE_URL": "",
    }


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after every migration, which each test gets a copy of."""
    data = tmp_path_factory.mktemp("migrated") / "data"
    upgrade(Settings.load({"EXAMHALL_DATA": str(data), "DATABASE_URL": ""}))
    return data


@pytest.fixture
def examhall(variables: dict[str, str], migrated: Path) -> Examhall:
    """`examhall("bank", "list")`: the command line with this test's data folder."""
    settings = Settings.load(variables)
    shutil.copytree(migrated, settings.data)
    master = create_keyfile(settings.keyfile, "a passphrase", demo=True, params=PassphraseParams(64, 1))
    keep_unlocked(settings, KeyFile(master, True))

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner(env=variables).invoke(main, list(arguments), input=typed)

    return run


@contextmanager
def looking(variables: dict[str, str]) -> Iterator[Host]:
    settings = Settings.load(variables)
    unlocked = next(settings.unlocked.glob("*.json"))
    host = open_host(settings, base64.b64decode(json.loads(unlocked.read_text())["master"]), demo=True)
    try:
        yield host
    finally:
        host.close()


def items(variables: dict[str, str]) -> int:
    with looking(variables) as host, host.db.read() as session:
        return session.scalar(select(func.count()).select_from(BankItem)) or 0


def sheet(path: Path, *rows: tuple[str, ...]) -> Path:
    """A workbook in the 17-column layout with these (id, code, stem, a, b, answer) rows."""
    book = Workbook()
    table = book.active
    assert table is not None
    head = SAMPLE.read_text("utf-8-sig").splitlines()[0].split(",")
    table.append(head)
    for number, (uid, code, stem, a, b, answer) in enumerate(rows, 1):
        cells = [
            "题库",
            uid,
            str(number),
            "A-A-A-001",
            code,
            "001",
            stem,
            a,
            b,
            "",
            "",
            "",
            "",
            answer,
            "3",
            "5",
            "",
        ]
        table.append(cells)
    book.save(path)
    return path


def test_check_needs_no_data_folder_and_keeps_the_contract(tmp_path: Path) -> None:
    nowhere = {"EXAMHALL_DATA": str(tmp_path / "none"), "EXAMHALL_KEYFILE": str(tmp_path / "none.json")}
    done = CliRunner(env=nowhere).invoke(main, ["bank", "check", str(SAMPLE), "--json", "--answers"])
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (found["format"], found["encoding"]) == ("guobiao-csv", "utf-8")
    assert found["items"]["total"] == 276
    assert found["items"]["by_kind"]["single"] == 138
    assert found["refused"] is found["needs_mapping"] is found["blueprint"] is None
    assert found["answers"]["1"] == ["A"]
    assert found["cpu_seconds"] >= 0
    assert found["peak_rss_mib"] > 0
    assert list(tmp_path.iterdir()) == []


def test_check_refuses_what_is_no_table(tmp_path: Path) -> None:
    file = tmp_path / "bank.xlsx"
    file.write_bytes(b"\x00\x01\x02" * 50)
    done = CliRunner(env={"EXAMHALL_DATA": str(tmp_path / "x")}).invoke(
        main, ["bank", "check", str(file), "--json"]
    )
    found = json.loads(done.stdout)
    assert done.exit_code == 2
    assert found["refused"]["code"]
    assert found["refused"]["message"]
    assert found["items"]["total"] == 0


def test_check_proposes_what_an_undeclared_code_means_and_takes_it(tmp_path: Path) -> None:
    file = sheet(
        tmp_path / "bank.xlsx",
        ("D-1", "D", "以下哪些？", "甲", "乙", "AB"),
        ("B-1", "B", "以下哪个？", "甲", "乙", "A"),
    )
    runner = CliRunner(env={"EXAMHALL_DATA": str(tmp_path / "x")})
    first = runner.invoke(main, ["bank", "check", str(file), "--json"])
    found = json.loads(first.stdout)
    assert first.exit_code == 2
    assert found["needs_mapping"]["suggested"]["codes"] == {"D": "multiple"}
    assert found["items"]["total"] == 0
    second = runner.invoke(main, ["bank", "check", str(file), "--json", "--mapping", "auto"])
    assert second.exit_code == 0
    assert json.loads(second.stdout)["items"]["by_kind"]["multiple"] == 1
    mapping = tmp_path / "mapping.json"
    mapping.write_text('{"codes": {"D": "single"}}')
    third = json.loads(
        runner.invoke(main, ["bank", "check", str(file), "--json", "--mapping", str(mapping)]).stdout
    )
    assert third["rejected"][0]["code"] != "unknown_type_code"


def test_import_stores_the_items_sealed(examhall: Examhall, variables: dict[str, str]) -> None:
    done = examhall("bank", "import", str(SAMPLE), "--bank", "题库一", "--reviewed", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["imported"] == 276
    assert items(variables) == 276
    assert "answers" not in json.loads(done.stdout)
    stem = "单位内部治安保卫工作应当贯彻的方针"
    files = [path for path in Path(variables["EXAMHALL_DATA"]).rglob("*") if path.is_file()]
    assert files
    assert not any(stem.encode() in path.read_bytes() for path in files)
    listed = json.loads(examhall("bank", "list", "--json").stdout)
    assert (listed["bank"], listed["items"], listed["by_status"]) == ("题库一", 276, {"active": 276})


def test_items_wait_as_drafts_unless_they_were_reviewed(
    examhall: Examhall, variables: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "bank.csv"
    file.write_text("题干,选项A,选项B,答案\n哪个对？,甲,乙,A\n", "utf-8")
    chosen = ("--point", "A-A-001", "--difficulty", "2")
    done = examhall("bank", "import", str(file), "--bank", "题库一", *chosen, "--mapping", "auto")
    assert done.exit_code == 0, done.output
    listed = json.loads(examhall("bank", "list", "--json").stdout)
    assert (listed["items"], listed["by_status"]) == (0, {"draft": 1})
    with looking(variables) as host, host.db.read() as session:
        (known,) = session.execute(select(BankItem.point, BankItem.difficulty))
        assert tuple(known) == ("A-A-001", 2)
    bad = examhall("bank", "import", str(file), "--bank", "题库二", "--point", "nowhere")
    assert bad.exit_code == 1


def test_a_layout_explained_on_a_page_is_read_by_the_command_line_too(
    examhall: Examhall, variables: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "own.csv"
    file.write_text("题面,甲案,乙案,对的\n哪个对？,左,右,A\n", "utf-8")
    asked = examhall("bank", "import", str(file), "--bank", "题库一", "--json")
    wish = json.loads(asked.stdout)["needs_mapping"]
    assert (asked.exit_code, wish["columns"]) == (2, ["题面", "甲案", "乙案", "对的"])
    columns = dict(zip(wish["columns"], ("stem", "option_A", "option_B", "answer"), strict=True))
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"columns": columns}), "utf-8")
    told = examhall("bank", "import", str(file), "--bank", "题库一", "--mapping", str(mapping))
    assert told.exit_code == 0, told.output
    with looking(variables) as host:
        host.db.write(remember, json.loads(examhall("bank", "check", str(file), "--json").stdout), columns)
    file.write_text("题面,甲案,乙案,对的\n哪个错？,左,右,B\n", "utf-8")
    assert examhall("bank", "import", str(file), "--bank", "题库一").exit_code == 0
    assert items(variables) == 2


def remember(session: Session, checked: dict[str, Any], columns: dict[str, str]) -> None:
    """As the mapping page leaves it for a layout."""
    template = template_of(checked["needs_mapping"]["columns"])
    mapping = {"columns": columns, "codes": {}}
    session.add(ImportMapping(template=template, mapping=mapping, created_at=datetime.now(UTC)))


@pytest.mark.dear
def test_an_export_is_for_who_may_read_items_and_comes_in_again(
    examhall: Examhall, variables: dict[str, str], tmp_path: Path
) -> None:
    add_people(variables)
    examhall("bank", "import", str(SAMPLE), "--bank", "题库一")
    out = tmp_path / "out.xlsx"
    asked = ("bank", "export", "--bank", "题库一", "--format", "guobiao", "--out", str(out))
    assert examhall(*asked, "--as", "admin", typed=f"{PASSWORD}\n").exit_code == 1
    assert examhall(*asked, "--as", "keeper", typed="wrong\n").exit_code == 1
    assert not out.exists()
    done = examhall(*asked, "--as", "keeper", "--json", typed=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert out.stat().st_mode & 0o077 == 0
    assert examhall(*asked, "--as", "keeper", typed=f"{PASSWORD}\n").exit_code == 1  # never overwritten
    again = examhall("bank", "import", str(out), "--bank", "题库二", "--json")
    assert json.loads(again.stdout)["imported"] == 276
    with looking(variables) as host, host.db.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "bank_exported"))
    assert (entry.actor, entry.details["items"]) == ("keeper", 276)


@pytest.mark.dear
def test_media_are_listed_and_held_against_their_hashes(
    examhall: Examhall, variables: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "quiz.xml"
    file.write_bytes(MOODLE)
    assert examhall("bank", "import", str(file), "--bank", "题库一").exit_code == 0
    whole = examhall("bank", "media", "--bank", "题库一", "--json")
    found = json.loads(whole.stdout)
    assert (whole.exit_code, found["mime"], found["whole"]) == (0, "image/png", True)
    with looking(variables) as host:
        host.db.write(lambda session: session.execute(update(BankMedium).values(sealed=b"x" * 60)))
    broken = examhall("bank", "media", "--bank", "题库一", "--json")
    assert (broken.exit_code, json.loads(broken.stdout)["whole"]) == (2, False)
    assert examhall("bank", "media", "--bank", "没有").exit_code == 1


def test_a_file_with_a_bad_row_is_imported_only_on_request(
    examhall: Examhall, variables: dict[str, str], tmp_path: Path
) -> None:
    file = sheet(
        tmp_path / "bank.xlsx",
        ("B-1", "B", "哪个对？", "甲", "乙", "A"),
        ("B-2", "B", "哪个错？", "甲", "乙", "E"),
    )
    refused = examhall("bank", "import", str(file), "--bank", "题库一")
    assert refused.exit_code == 2
    assert "row 3" in refused.output
    assert items(variables) == 0
    with looking(variables) as host, host.db.read() as session:
        assert list(session.scalars(select(Bank.id))) == list(session.scalars(select(BankImport.id))) == []
    taken = examhall("bank", "import", str(file), "--bank", "题库一", "--good-rows", "--json")
    assert taken.exit_code == 0
    assert json.loads(taken.stdout)["imported"] == items(variables) == 1


def test_a_code_is_declared_at_the_command_line(
    examhall: Examhall, variables: dict[str, str], tmp_path: Path
) -> None:
    file = sheet(tmp_path / "bank.xlsx", ("D-1", "D", "以下哪些？", "甲", "乙", "AB"))
    assert examhall("bank", "import", str(file), "--bank", "题库一").exit_code == 2
    assert examhall("bank", "import", str(file), "--bank", "题库一", "--code", "D=multiple").exit_code == 0
    assert items(variables) == 1
    unknown = examhall("bank", "import", str(file), "--bank", "x", "--code", "D=sometimes")
    assert unknown.exit_code == 2
    assert "multiple" in unknown.output


@pytest.mark.dear
def test_the_same_file_again_adds_nothing(examhall: Examhall, variables: dict[str, str]) -> None:
    assert examhall("bank", "import", str(SAMPLE), "--bank", "题库一").exit_code == 0
    again = examhall("bank", "import", str(SAMPLE), "--bank", "题库一", "--good-rows", "--json")
    assert again.exit_code == 2
    assert {entry["code"] for entry in json.loads(again.stdout)["rejected"]} == {"item_id_taken"}
    assert items(variables) == 276
    with looking(variables) as host, host.db.read() as session:
        assert list(session.scalars(select(BankImport.state))) == ["committed", "discarded"]


def test_nothing_is_written_while_a_sitting_runs(examhall: Examhall, variables: dict[str, str]) -> None:
    settings = Settings.load(variables)
    with looking(variables) as host:
        host.db.write(running_room)
    lock = DataLock(settings.data)
    lock.take()
    try:
        done = examhall("bank", "import", str(SAMPLE), "--bank", "题库一")
    finally:
        lock.release()
    assert done.exit_code == 1
    assert items(variables) == 0
    assert examhall("bank", "import", str(SAMPLE), "--bank", "题库一").exit_code == 0  # no server, no sitting


def running_room(session: Session) -> None:
    """A room in its sitting, with as little around it as the tables ask for."""
    now = datetime.now(UTC)
    for row in (
        Room(id=1, name="一", created_at=now),
        Batch(id=1, name="一", occupation="x", level=3, profile="x", policy={}, created_at=now),
        Sitting(id=1, batch_id=1, number=1, starts_at=now, minutes=Decimal(1)),
        RoomSitting(id=1, uid="u", sitting_id=1, room_id=1, state="running"),
    ):
        session.add(row)
        session.flush()


def add_people(variables: dict[str, str]) -> None:
    hashed = passwords.hash_password(PASSWORD)
    with looking(variables) as host:
        for username, role in (
            ("keeper", Role.BANK_KEEPER),
            ("admin", Role.ADMINISTRATOR),
            ("inv", Role.INVIGILATOR),
        ):
            new = staff.NewPerson(username, username, hashed, frozenset({role}))
            host.db.write(staff.add_person, SYSTEM, new, now=host.now())


def blueprint_in_use(examhall: Examhall) -> None:
    """One person writes it, another approves it."""
    typed = f"{PASSWORD}\n"
    done = examhall("blueprint", "add", str(BLUEPRINT), "--as", "keeper", "--json", typed=typed)
    number = str(json.loads(done.stdout)["blueprint"])
    assert examhall("blueprint", "approve", number, "--as", "admin", typed=typed).exit_code == 0


@pytest.mark.dear
def test_papers_are_assembled_by_one_person_and_approved_by_another(
    examhall: Examhall, variables: dict[str, str]
) -> None:
    add_people(variables)
    assert examhall("bank", "import", str(SAMPLE), "--bank", "题库一", "--reviewed").exit_code == 0
    blueprint_in_use(examhall)
    assembling = ("papers", "assemble", "--bank", "题库一", "--blueprint", str(BLUEPRINT), "--forms", "2")
    by_keeper = (*assembling, "--seed", "11", "--as", "keeper", "--json")
    assert examhall(*by_keeper, typed="wrong password\n").exit_code == 1
    assert examhall(*assembling, "--as", "inv", typed=f"{PASSWORD}\n").exit_code == 1
    first, again = (examhall(*by_keeper, typed=f"{PASSWORD}\n") for _ in range(2))
    assert first.exit_code == 0, first.output
    found = json.loads(first.stdout)
    assert [len(form) for form in found["forms"]] == [100, 100]
    assert found["seed"] == "11"
    assert json.loads(again.stdout)["forms"] == found["forms"]  # the same seed, the same papers
    approving = ("papers", "approve", str(found["papers"]), "--as")
    assert examhall(*approving, "keeper", typed=f"{PASSWORD}\n").exit_code == 1
    assert examhall(*approving, "admin", typed=f"{PASSWORD}\n").exit_code == 0
    states = [json.loads(line)["state"] for line in examhall("papers", "list", "--json").stdout.splitlines()]
    assert states == ["assembled", "approved"]


@pytest.mark.dear
def test_a_pool_that_is_too_small_is_named(examhall: Examhall, variables: dict[str, str]) -> None:
    add_people(variables)
    examhall("bank", "import", str(SAMPLE), "--bank", "题库一", "--reviewed")
    blueprint_in_use(examhall)
    asked = ("--forms", "4", "--max-overlap", "0", "--as", "keeper", "--json")
    done = examhall(
        "papers", "assemble", "--bank", "题库一", "--blueprint", str(BLUEPRINT), *asked, typed=f"{PASSWORD}\n"
    )
    found = json.loads(done.stdout)
    assert done.exit_code == 2
    assert (found["status"], found["forms"]) == ("infeasible", [])
    assert found["shortages"]
