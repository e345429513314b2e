"""`examhall blueprint` as typed: one person adds, another approves, and papers take only what is in use."""

import json
from pathlib import Path

import pytest

from server.access import SYSTEM, Role
from server.services import blueprint_drafts, passwords, staff
from tests.server import preparing
from tests.server.blueprint_kit import SAMPLE, SHORT
from tests.server.centre import Centre, copied_centre, initialised_folder  # noqa: F401 - fixtures
from tests.server.desk import said

PASSWORD = "correct horse battery"
TYPED = {"input": f"{PASSWORD}\n"}


@pytest.fixture
def desk(centre: Centre) -> Centre:
    """An installation with a keeper, an administrator and an invigilator."""
    hashed = passwords.hash_password(PASSWORD)
    with centre.host() as host:
        for name, role in (
            ("keeper", Role.BANK_KEEPER),
            ("admin", Role.ADMINISTRATOR),
            ("inv", Role.INVIGILATOR),
        ):
            new = staff.NewPerson(name, name, hashed, frozenset({role}))
            host.db.write(staff.add_person, SYSTEM, new, now=host.now())
    return centre


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_bytes(SAMPLE.encode())
    return file


def states(centre: Centre) -> list[str]:
    lines = centre.done("blueprint", "list", "--json").splitlines()
    return [json.loads(line)["state"] for line in lines]


@pytest.mark.dear
def test_one_person_adds_and_another_approves(desk: Centre, plan: Path) -> None:
    assert "编号 1" in desk.done("blueprint", "add", plan, "--as", "keeper", **TYPED)
    refused = desk.refused("blueprint", "approve", "1", "--as", "keeper", **TYPED)
    assert said("blueprint_approver_must_differ") in refused
    assert said("forbidden") in desk.refused("blueprint", "approve", "1", "--as", "inv", **TYPED)
    assert said("forbidden") in desk.refused("blueprint", "add", plan, "--as", "inv", **TYPED)
    assert states(desk) == ["draft"]
    desk.done("blueprint", "approve", "1", "--as", "admin", **TYPED)
    assert states(desk) == ["active"]
    assert desk.done("blueprint", "list").split("\t")[3].strip() == "active"


def test_a_sum_of_99_becomes_a_draft_with_its_fault_and_is_not_approved(desk: Centre, plan: Path) -> None:
    plan.write_text(SHORT, encoding="utf-8")
    added = desk.run("blueprint", "add", plan, "--as", "keeper", "--json", **TYPED)
    assert added.exit_code == 2
    told = json.loads(added.stdout)
    assert told["faults"] == [f"scopes：{said('weights_not_100', total=99)}"]
    approving = ("blueprint", "approve", str(told["blueprint"]), "--as", "admin")
    assert said("weights_not_100", total=99) in desk.refused(*approving, **TYPED)
    assert states(desk) == ["draft"]


@pytest.mark.parametrize("data", [b"title: [", "title: 细目表".encode("gb18030"), b""])
def test_a_file_that_is_no_blueprint_is_refused(desk: Centre, plan: Path, data: bytes) -> None:
    plan.write_bytes(data)
    desk.refused("blueprint", "add", plan, "--as", "keeper", **TYPED)
    assert states(desk) == []


@pytest.mark.dear
def test_papers_tell_what_a_file_still_needs(desk: Centre, plan: Path) -> None:
    with desk.host() as host:
        preparing.bank(host, preparing.CONSOLE)
    assemble = ("papers", "assemble", "--bank", "示例题库", "--blueprint", plan, "--as", "keeper")
    assert said("blueprint_not_added", path=plan) in desk.refused(*assemble, **TYPED)
    desk.done("blueprint", "add", plan, "--as", "keeper", **TYPED)
    assert said("blueprint_not_approved", id=1) in desk.refused(*assemble, **TYPED)
    desk.done("blueprint", "approve", "1", "--as", "admin", **TYPED)
    with desk.host() as host:
        host.db.write(blueprint_drafts.retire, preparing.CONSOLE, 1, now=host.now())
    assert said("blueprint_out_of_use", id=1, path=plan) in desk.refused(*assemble, **TYPED)


def test_line_ends_are_part_of_the_text(desk: Centre, plan: Path) -> None:
    plan.write_bytes(SAMPLE.replace("\n", "\r\n").encode("utf-8-sig"))
    desk.done("blueprint", "add", plan, "--as", "keeper", **TYPED)
    with desk.host() as host, host.db.read() as session:
        from server.cli.blueprints import text_of
        from server.services.blueprints import with_text

        assert with_text(session, text_of(plan)).id == 1
