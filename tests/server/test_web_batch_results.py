"""Pages of batch results: what each shows, who may act, the papers, a candidate's own page."""

import io
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import event

from itembank.vault import Vault
from server.access import Actor
from server.host import Host
from server.jobs.documents import document_pdf
from server.jobs.results import results_xlsx
from server.services import exemptions, result_documents
from server.services.printed_at import At
from server.services.result_documents import Press
from server.services.rosters import ID_PURPOSE
from tests.server.conftest import PASSWORD, Machine
from tests.server.results_kit import GUARD_RULE, Stage, Terms, id_number, make_stage
from tests.server.test_batch_results import publish
from tests.server.test_scenario_06 import ZONE


@pytest.fixture
def stage(host: Host) -> Stage:
    """甲 passed, 乙 failed by half a point, 丙 did not come."""
    made = make_stage(host, Terms(exemptions=(GUARD_RULE,)))
    made.sitting("theory")
    made.sitting("practical")
    for name, theory, practical in (("甲", "60", "85.5"), ("乙", "59.5", "90"), ("丙", None, None)):
        made.mark(name, "theory", theory)
        made.mark(name, "practical", practical)
    return made


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, path
    return answer.get_data(as_text=True)


@pytest.mark.dear
def test_from_folding_to_checking_on_screen(
    stage: Stage, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scorer, checker = sign_in(person_as("scorer")), sign_in(person_as("mark_checker"))
    path = f"/results/batches/{stage.batch}"
    assert "还没有汇总成绩" in page(scorer, path)
    done = scorer.post(f"{path}/fold", follow_redirects=True).get_data(as_text=True)
    assert "已汇总：3 名考生的成绩有变化。" in done
    assert "59.5" in done
    assert "缺考" in done
    assert id_number(1) not in done
    assert scorer.post(f"{path}/check").status_code == 403
    assert "核对无误" in page(checker, path)
    assert "已核对 9 项成绩。" in checker.post(f"{path}/check", follow_redirects=True).get_data(as_text=True)
    stage.change_mark("乙", "theory", "60")
    assert "1 名考生的成绩与现有依据不一致" in page(checker, path)
    scorer.post(f"{path}/fold")
    seen = page(checker, f"{path}/candidates/{stage.people['乙']}")
    assert "59.5" in seen
    assert "已被替换" in seen
    assert "60.0" in seen


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("all", "甲乙丙"),
        ("pass", "甲"),
        ("fail", "乙丙"),
        ("pending", ""),
        ("unchecked", "甲乙丙"),
        ("x", "甲乙丙"),
    ],
)
def test_filters(
    stage: Stage,
    person_as: Callable[..., Actor],
    sign_in: Callable[[Actor], FlaskClient],
    wanted: str,
    names: str,
) -> None:
    scorer = person_as("scorer")
    stage.fold(scorer)
    text = page(sign_in(scorer), f"/results/batches/{stage.batch}?show={wanted}")
    assert {name for name in "甲乙丙" if f">{name}</a>" in text} == set(names)


@pytest.mark.parametrize("role", ["invigilator", "examiner", "custodian", "bank_keeper"])
def test_whom_results_do_not_concern_sees_none(
    stage: Stage, client_as: Callable[..., FlaskClient], role: str
) -> None:
    client = client_as(role)
    base = f"/results/batches/{stage.batch}"
    for path in (
        "",
        "/summary.xlsx",
        "/summary.pdf",
        "/slips.pdf",
        "/exemptions",
        f"/candidates/{stage.people['甲']}",
    ):
        page(client, base + path, 403)
    page(client, f"/results/batches/{stage.batch}/candidates/{stage.people['甲']}/slip.pdf", 403)


def test_nothing_is_there_for_another_batch_or_person(
    stage: Stage, client_as: Callable[..., FlaskClient]
) -> None:
    client = client_as("scorer")
    for path in (
        "/results/batches/999",
        "/results/batches/999/summary.pdf",
        f"/results/batches/{stage.batch}/candidates/999",
    ):
        page(client, path, 404)


def test_the_list_of_batches_leads_on(stage: Stage, client_as: Callable[..., FlaskClient]) -> None:
    client = client_as("auditor")
    assert f"/results/batches/{stage.batch}" in page(client, "/results/batches")
    assert "/results/batches" in page(client, "/results")
    room = page(client, f"/results/{stage.rooms['theory']}")
    assert f'/results/batches/{stage.batch}"' in room


def test_rooms_of_panels_are_not_on_the_list_of_marks(
    stage: Stage, client_as: Callable[..., FlaskClient]
) -> None:
    text = page(client_as("scorer"), "/results")
    assert f"/results/{stage.rooms['theory']}" in text
    assert f"/results/{stage.rooms['practical']}" not in text
    batch = page(client_as("scorer"), f"/results/batches/{stage.batch}")
    assert f"/panels/{stage.rooms['practical']}" in batch


def test_the_summary_as_a_workbook_has_numbers_only_where_there_are_marks(
    stage: Stage, person_as: Callable[..., Actor]
) -> None:
    scorer = person_as("scorer")
    stage.fold(scorer)
    with stage.host.db.read() as session:
        payload = result_documents.workbook(session, scorer, stage.batch)
    sheet = load_workbook(io.BytesIO(results_xlsx(payload, lambda *_: None)["data"])).active
    assert sheet is not None
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert rows[3] == ["序号", "准考证号", "证件号码", "姓名", "单位", "理论知识考试", "技能考核", "评价结果"]
    assert [row[3:4] + row[5:] for row in rows[4:]] == [
        ["甲", 60, 85.5, "合格"],
        ["乙", 59.5, 90, "不合格"],
        ["丙", "缺考", "缺考", "缺考"],
    ]


def test_summary_and_slips_are_typeset(stage: Stage, person_as: Callable[..., Actor]) -> None:
    scorer = person_as("scorer")
    stage.fold(scorer)
    press = Press(At(stage.host.now(), ZONE), "某评价机构")
    with stage.host.db.read() as session:
        summary = result_documents.summary(session, scorer, stage.batch, press)
        slips = result_documents.slips(session, scorer, stage.batch, press)
        one = result_documents.slips(session, scorer, stage.batch, press, candidate=stage.people["乙"])
    assert summary["data"]["rows"][1][2:] == ["乙", "59.5", "90.0", "不合格"]
    assert summary["data"]["facts"][3] == ["人数", "3 人：合格 1 人，不合格 1 人，缺考 1 人"]
    assert [len(each["data"]["slips"]) for each in (slips, one)] == [3, 1]
    assert one["data"]["slips"][0]["parts"][0] == [
        "理论知识考试",
        "59.5",
        "不合格",
        "60 分及以上（满分 100）",
    ]
    assert id_number(2) not in str(one)
    for payload in (summary, slips):
        assert document_pdf(payload, lambda *_: None)["data"].startswith(b"%PDF")


@pytest.mark.dear
def test_exemptions_on_screen(
    stage: Stage, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    head, administrator = person_as("institution_head"), person_as("administrator")
    client = sign_in(administrator)
    stage.person("丁")
    stage.place("丁", "practical")
    path, person = f"/results/batches/{stage.batch}/exemptions", stage.people["丁"]
    form = {"candidate": person, "number": "苏公保2024012345", "issued_on": "2024-01-15", "state": "valid"}
    assert client.post(f"{path}/licence", data=form | {"issued_on": "yesterday"}).status_code == 422
    assert client.post(f"{path}/licence", data=form | {"candidate": 999}).status_code == 404
    shown = client.post(f"{path}/licence", data=form, follow_redirects=True).get_data(as_text=True)
    assert "可以免试" in shown
    assert "2024012345" not in shown
    second = {"cosign_username": head.name, "cosign_password": PASSWORD}
    who = {"who": f"theory/{person}"}
    assert client.post(f"{path}/decide", data=who).status_code == 422
    assert client.post(f"{path}/decide", data={"who": "theory/x"} | second).status_code == 404
    assert "已准予免试。" in client.post(f"{path}/decide", data=who | second, follow_redirects=True).get_data(
        as_text=True
    )
    with stage.host.db.read() as session:
        row = exemptions.in_force(session, stage.batch, "theory")[person]
    assert row.cosigned_by == head.user_id
    gone = client.post(
        f"{path}/{row.id}/revoke", data=second | {"reason": "证件系伪造"}, follow_redirects=True
    )
    assert "已撤销免试。" in gone.get_data(as_text=True)
    assert sign_in(person_as("scorer")).post(f"{path}/decide", data=who | second).status_code == 403


@pytest.fixture
def published(stage: Stage, person_as: Callable[..., Actor]) -> Stage:
    """Results of 甲 and 乙 are on a list, that of 丙 is not."""
    stage.fold(person_as("scorer"))
    publish(stage, "甲", "乙")
    return stage


def ask(client: FlaskClient, ticket: str, number: str) -> tuple[int, str]:
    answer = client.post("/result", data={"ticket": ticket, "id_number": number})
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.get_data(as_text=True)


def test_a_candidate_sees_their_own_published_result(
    published: Stage, client: FlaskClient, machine: Machine
) -> None:
    for ticket in (published.tickets["乙", "theory"], f" {published.tickets['乙', 'practical'].lower()} "):
        status, text = ask(client, ticket, id_number(2).lower())
        assert status == 200
        assert all(each in text for each in ("59.5", "不合格", "90.0", "成绩正在公示"))
        assert id_number(2) not in text
        assert "甲" not in text
    machine.advance(days=8)
    assert "成绩已生效" in ask(client, published.tickets["乙", "theory"], id_number(2))[1]


def test_a_look_up_costs_the_same_in_a_large_batch(
    published: Stage, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the day of publicity everybody asks at once."""
    asked: list[str] = []
    real = Vault.open_value

    def opened(vault: Vault, purpose: str, *rest: Any) -> bytes:
        asked.append(purpose)
        return real(vault, purpose, *rest)

    monkeypatch.setattr(Vault, "open_value", opened)
    event.listen(published.host.db.engine, "before_cursor_execute", lambda *args: asked.append(args[2][:30]))

    def cost() -> Counter[str]:
        asked.clear()
        assert ask(client, published.tickets["乙", "theory"], id_number(2))[0] == 200
        return Counter(asked)

    small = cost()
    for number in range(20):
        published.place(f"考生{number}", "theory")
    assert cost() == small
    assert small[ID_PURPOSE] == 1


def test_every_wrong_pair_has_one_answer(published: Stage, client: FlaskClient) -> None:
    right = published.tickets["乙", "theory"]
    pairs = [
        (right, id_number(1)),
        (published.tickets["甲", "theory"], id_number(2)),
        ("202600000000", id_number(2)),
        (published.tickets["丙", "theory"], id_number(3)),  # right, and not published
    ]
    # A token tells the second in which it was made.
    token = re.compile(r'name="csrf[_-]token" (value|content)="[^"]*"')
    answers = {(status, token.sub("", text)) for status, text in (ask(client, *pair) for pair in pairs)}
    assert len(answers) == 1
    status, text = answers.pop()
    assert status == 422
    assert "没有查到成绩" in text
    assert ask(client, right, "")[0] == 422


def test_a_changed_result_is_not_shown_before_it_is_published(
    published: Stage, client: FlaskClient, person_as: Callable[..., Actor]
) -> None:
    case = published.case("甲", "theory", "all")
    published.fold(person_as("scorer"))
    assert case
    assert ask(client, published.tickets["甲", "theory"], id_number(1))[0] == 422


@pytest.mark.dear
def test_tries_are_counted_by_ticket_and_by_address(published: Stage, client: FlaskClient) -> None:
    ticket = published.tickets["乙", "theory"]
    for _try in range(10):
        assert ask(client, ticket, id_number(1))[0] == 422
    assert ask(client, ticket, id_number(2))[0] == 429
    assert ask(client, published.tickets["甲", "theory"], id_number(1))[0] == 200
    for number in range(60):
        ask(client, f"2026{number:08d}", id_number(1))
    assert ask(client, published.tickets["甲", "theory"], id_number(1))[0] == 429


@pytest.mark.dear
def test_who_knows_the_pair_is_not_locked_out_by_looking_often(published: Stage, client: FlaskClient) -> None:
    for _try in range(12):
        assert ask(client, published.tickets["乙", "theory"], id_number(2))[0] == 200


def test_the_page_of_the_two_fields_is_public_and_says_nothing(client: FlaskClient) -> None:
    text = page(client, "/result")
    assert "准考证号" in text
    assert "<script" not in text
