"""Pages and forms of blueprints: drafts from files and fields, faults in words, approval (scenario 11)."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from server.access import Actor
from server.db.bank import BlueprintRow
from server.host import Host
from server.services import blueprint_drafts, blueprints
from tests.server import desk
from tests.server.blueprint_kit import SAMPLE, SHORT
from tests.server.desk import page, said, send

ACTS = ("approve", "change", "retire", "discard", "edit")
SAMPLE_TITLE = "保卫管理员三级理论知识细目表（示例）"


@pytest.fixture
def writer(client_as: Callable[..., FlaskClient]) -> FlaskClient:
    return client_as("bank_keeper")


@pytest.fixture
def second(client_as: Callable[..., FlaskClient]) -> FlaskClient:
    return client_as("administrator")


def uploaded(
    browser: FlaskClient, text: str | bytes, path: str = "/blueprints", **fields: str
) -> TestResponse:
    data = text.encode() if isinstance(text, str) else text
    return send(browser, path, data, "plan.yaml", **fields)


def drafted(browser: FlaskClient, text: str = SAMPLE) -> str:
    """The path of a new draft's page."""
    answer = uploaded(browser, text)
    assert answer.status_code == 302
    return answer.location.removesuffix("/edit")


def form_of(browser: FlaskClient, path: str) -> dict[str, Any]:
    """The editor's fields as its page holds them, and the base of its form."""
    text = browser.get(f"{path}/edit").text
    content = re.search(r'<textarea name="content" hidden>(.*?)</textarea>', text, re.S)
    base = re.search(r'name="base" value="([0-9a-f]{16})"', text)
    return {"fields": json.loads(unescape(content[1])), "base": base[1]}


def saved(browser: FlaskClient, path: str, form: dict[str, Any], **changes: object) -> TestResponse:
    content = json.dumps(form["fields"] | changes, ensure_ascii=False)
    return browser.post(f"{path}/edit", data={"content": content, "base": form["base"]})


def base_of(browser: FlaskClient, path: str) -> str:
    return form_of(browser, path)["base"]


def states(host: Host) -> list[str]:
    with host.db.read() as session:
        return list(session.scalars(select(BlueprintRow.state).order_by(BlueprintRow.id)))


class TestFiles:
    def test_the_occupation_is_stored_under_its_key(self, writer: FlaskClient, host: Host) -> None:
        for name in ("baowei", "3-02-02-00", "保卫管理员"):
            path = drafted(writer, SAMPLE.replace("occupation: baowei", f"occupation: {name}"))
            shown = page(writer.get(path))
            assert "保卫管理员 · 三级/高级工" in shown
            assert "治安保卫组织与责任" in shown
        with host.db.read() as session:
            assert session.scalars(select(BlueprintRow.occupation)).all() == ["baowei"] * 3

    def test_the_file_comes_back_as_it_went(self, writer: FlaskClient) -> None:
        answer = writer.get(drafted(writer) + "/file")
        assert answer.data.decode() == SAMPLE
        assert answer.headers["Content-Disposition"].endswith('-v1.yaml"')

    @pytest.mark.parametrize(
        "faults",
        [
            [("count: 60,", "count: 61,", "题型与分值", said("kind_counts_not_size", total=101, size=100)),
             ("code: A-A\n", "code: B-A\n", "鉴定范围 · B-A 治安保卫组织与责任 · 代码", "不在上级“A”之下")],
            [("count: 60, points: 1", "count: 60, points: 2", "题型与分值", said("points_not_100", total=160))],
            [("occupation: baowei", "occupation: pilot", "职业", said("unknown_occupation", occupation="pilot"))],
            [("level: 3", "level: 5", "等级", "R09")],
            [("title: ", "titel: ", "名称", said("missing_value")),
             ("3: [50, 75]", "3: [75, 50]", "难度 · 3", said("range_upside_down", low=75, high=50)),
             ("single: {count: 60", "single: {count: viele", "单选题 · 题量", "不是整数"),
             ("{code: A-A-001, name: 治安保卫工作的方针与责任}", "{code: A-A-001}",
              "鉴定点 · A-A-001 · 名称", said("missing_value"))],
        ],
    )  # fmt: skip
    def test_faults_are_kept_and_named_where_they_stand(
        self, writer: FlaskClient, faults: list[tuple[str, str, str, str]]
    ) -> None:
        text = SAMPLE
        for old, new, _place, _reason in faults:
            text = text.replace(old, new)
        path = drafted(writer, text)
        for shown in (page(writer.get(path)), page(writer.get(f"{path}/edit"))):
            lines = [re.sub(r"<[^>]+>", "", line) for line in re.findall(r"<li><a [^>]*#f-.*?</li>", shown)]
            for _old, _new, place, reason in faults:
                assert any(line.startswith(f"{place} · ") and reason in line for line in lines), lines

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            ("title: [", "无法读取细目表"),
            ("- 1\n- 2", said("not_a_mapping")),
            ("title: 细目表".encode("gb18030"), said("file_not_utf8", name="plan.yaml")),
            (desk.BINARY, said("file_not_utf8", name="plan.yaml")),
            (b"", said("file_empty", name="plan.yaml")),
            (b'{"title": "\\ud800"}', said("control_character")),
        ],
    )
    def test_a_file_that_is_no_blueprint(
        self, writer: FlaskClient, host: Host, data: str | bytes, reason: str
    ) -> None:
        answer = uploaded(writer, data)
        assert answer.status_code == 422
        assert reason in page(answer)
        assert desk.counts(host, BlueprintRow) == [0]

    def test_a_file_replaces_a_drafts_text(self, writer: FlaskClient, host: Host) -> None:
        path = drafted(writer, SHORT)
        answer = uploaded(writer, SAMPLE, f"{path}/file", base=base_of(writer, path))
        assert answer.location == path
        assert writer.get(f"{path}/file").data.decode() == SAMPLE
        refused = uploaded(writer, SHORT, f"{path}/file", base="0" * 16)
        assert refused.status_code == 409
        assert said("blueprint_changed_meanwhile", version=1) in page(refused)
        assert states(host) == ["draft"]


class TestEditor:
    def test_a_new_one_is_filled_in_and_approved(
        self, writer: FlaskClient, second: FlaskClient, host: Host
    ) -> None:
        head = {"name": "新细目表", "occupation_level": "baowei/3", "size": "4"}
        path = writer.post("/blueprints/new", data=head).location.removesuffix("/edit")
        form = form_of(writer, path)
        assert form["fields"]["scopes"][0]["code"] == "A"
        scope = {"code": "A", "name": "甲", "weight": "100", "points": [], "children": []}
        point = {"code": "A-001", "name": "点", "importance": "X"}
        kinds = {"single": {"count": "4", "points": "25"}, "essay": {"count": "", "points": ""}}
        answer = saved(writer, path, form, scopes=[scope | {"points": [point]}], kinds=kinds)
        assert answer.location == path
        text = yaml.safe_load(writer.get(f"{path}/file").data)
        assert text["scopes"] == [{"code": "A", "name": "甲", "weight": 100, "points": [point]}]
        assert text["kinds"] == {"single": {"count": 4, "points": 25}}
        assert second.post(f"{path}/approve", data={"base": base_of(writer, path)}).location == path
        assert states(host) == ["active"]

    @pytest.mark.parametrize(
        ("changes", "field", "reason"),
        [
            ({"occupation_level": ""}, "occupation_level", said("level_missing")),
            ({"size": "x"}, "size", "应为数字"),
            ({"name": "长" * 121}, "name", said("field_too_long", field="名称", limit=120)),
        ],
    )
    def test_a_head_that_is_none(
        self, writer: FlaskClient, host: Host, changes: dict[str, str], field: str, reason: str
    ) -> None:
        head = {"name": "新细目表", "occupation_level": "baowei/3", "size": "4"}
        answer = writer.post("/blueprints/new", data=head | changes)
        assert answer.status_code == 422
        assert reason in page(answer)
        assert f'aria-describedby="{field}-e"' in answer.text
        assert desk.counts(host, BlueprintRow) == [0]

    def test_saving_nothing_new_keeps_the_text_with_its_comments(self, writer: FlaskClient) -> None:
        path = drafted(writer)
        assert saved(writer, path, form_of(writer, path)).location == path
        assert writer.get(f"{path}/file").data.decode() == SAMPLE

    def test_faults_do_not_stop_the_saving_and_stand_at_their_field(self, writer: FlaskClient) -> None:
        path = drafted(writer)
        answer = saved(writer, path, form_of(writer, path), size="99", seconds_max="-1")
        assert answer.location == f"{path}/edit"
        shown = page(writer.get(answer.location))
        assert '<li data-for="f-seconds-max">' in shown
        assert "草稿已保存，还有 1 处需要改正。" in shown

    def test_a_form_from_before_another_saving_is_shown_again_with_what_it_brought(
        self, writer: FlaskClient, second: FlaskClient
    ) -> None:
        path = drafted(writer)
        early = form_of(second, path)
        saved(writer, path, form_of(writer, path), title="甲")
        answer = saved(second, path, early, title="我的改动")
        assert answer.status_code == 409
        assert 'value="我的改动"' in page(answer)
        assert form_of(writer, path)["fields"]["title"] == "甲"

    @pytest.mark.parametrize("content", ["", "{", "[" * 5000, "7" * 3_000_000])
    def test_what_no_editor_sends_changes_nothing(self, writer: FlaskClient, content: str) -> None:
        path = drafted(writer)
        answer = writer.post(f"{path}/edit", data={"content": content, "base": base_of(writer, path)})
        assert answer.status_code in (413, 422)
        assert writer.get(f"{path}/file").data.decode() == SAMPLE

    def test_one_in_use_has_no_editor(self, writer: FlaskClient, second: FlaskClient) -> None:
        path = drafted(writer)
        second.post(f"{path}/approve", data={"base": base_of(writer, path)})
        assert writer.get(f"{path}/edit").location == path

    def test_markup_in_names_stays_text(self, writer: FlaskClient) -> None:
        path = drafted(writer, SAMPLE.replace("组织防范", "</textarea><script>alert(1)</script>"))
        for place in (path, f"{path}/edit"):
            assert "<script>alert" not in writer.get(place).text


class TestApproval:
    def test_a_sum_of_99_has_no_button_and_is_refused(
        self, writer: FlaskClient, second: FlaskClient, host: Host
    ) -> None:
        path = drafted(writer, SHORT)
        shown = page(second.get(path))
        assert f'action="{path}/approve"' not in shown
        answer = second.post(f"{path}/approve", data={"base": base_of(writer, path)})
        assert answer.status_code == 422
        assert said("weights_not_100", total=99) in page(answer)
        assert states(host) == ["draft"]

    def test_the_writer_sees_no_button_and_is_refused(self, writer: FlaskClient, host: Host) -> None:
        path = drafted(writer)
        shown = page(writer.get(path))
        assert f'action="{path}/approve"' not in shown
        assert "写过这份草稿的人不能批准它" in shown
        answer = writer.post(f"{path}/approve", data={"base": base_of(writer, path)})
        assert answer.status_code == 403
        assert states(host) == ["draft"]

    def test_the_second_person_sees_what_changes_and_approves_that(
        self, writer: FlaskClient, second: FlaskClient, host: Host
    ) -> None:
        first = drafted(writer)
        second.post(f"{first}/approve", data={"base": base_of(writer, first)})
        draft = writer.post(f"{first}/change").location.removesuffix("/edit")
        saved(writer, draft, form_of(writer, draft), title="改名")
        shown = page(second.get(draft))
        assert "<td>保卫管理员三级理论知识细目表（示例）</td><td>改名</td>" in shown
        assert second.post(f"{draft}/approve", data={}).status_code == 409  # nothing was seen
        assert second.post(f"{draft}/approve", data={"base": base_of(writer, draft)}).location == draft
        assert states(host) == ["retired", "active"]
        assert page(writer.get("/blueprints")).count('<span class="badge good">使用中</span>') == 1

    def test_retiring_and_discarding(self, writer: FlaskClient, second: FlaskClient, host: Host) -> None:
        first = drafted(writer)
        second.post(f"{first}/approve", data={"base": base_of(writer, first)})
        draft = writer.post(f"{first}/change").location.removesuffix("/edit")
        assert writer.post(f"{draft}/discard").location == "/blueprints"
        assert second.post(f"{first}/retire").location == first
        assert states(host) == ["retired", "discarded"]
        assert f'href="{draft}"' not in writer.get("/blueprints").text
        assert writer.get(draft).status_code == 200

    def test_only_those_in_use_are_offered_for_papers(
        self, writer: FlaskClient, second: FlaskClient, host: Host
    ) -> None:
        writer.post("/banks", data={"name": "示例题库", "occupation_level": "baowei/3"})
        path = drafted(writer)
        assert SAMPLE_TITLE not in page(writer.get("/papers/new"))
        second.post(f"{path}/approve", data={"base": base_of(writer, path)})
        assert SAMPLE_TITLE in page(writer.get("/papers/new"))
        assert f'href="/banks/1/coverage?blueprint={path.rsplit("/", 1)[1]}"' in writer.get(path).text

    def test_a_draft_with_faults_is_no_measure_for_a_bank(self, writer: FlaskClient) -> None:
        writer.post("/banks", data={"name": "示例题库", "occupation_level": "baowei/3"})
        whole, broken = drafted(writer), drafted(writer, SHORT)
        numbers = [path.rsplit("/", 1)[1] for path in (whole, broken)]
        answers = [writer.get(f"/banks/1/coverage?blueprint={number}") for number in numbers]
        assert [answer.status_code for answer in answers] == [200, 409]
        assert said("blueprint_has_faults", title=SAMPLE_TITLE, version=2, count=1) in page(answers[1])
        assert f'value="{numbers[0]}"' not in writer.get("/banks/1/coverage").text


class TestDoors:
    @pytest.mark.dear
    def test_closed_to_other_roles(self, writer: FlaskClient, client_as: Callable[..., FlaskClient]) -> None:
        path = drafted(writer)
        for role in ("custodian", "chief_invigilator", "invigilator", "auditor"):
            stranger = client_as(role)
            for place in ("/blueprints", path, f"{path}/edit", f"{path}/file"):
                assert stranger.get(place).status_code == 403
            for act in ACTS:
                assert stranger.post(f"{path}/{act}").status_code == 403
            assert uploaded(stranger, SAMPLE).status_code == 403

    def test_what_is_not_there(self, second: FlaskClient) -> None:
        data = {"base": "0" * 16, "content": "{}"}
        answers = [second.post(f"/blueprints/999/{act}", data=data) for act in ACTS]
        answers += [second.get(f"/blueprints/999{page}") for page in ("", "/edit", "/file")]
        assert {answer.status_code for answer in answers} == {404}

    def test_the_first_page_names_drafts_of_others(
        self, writer: FlaskClient, second: FlaskClient, person_as: Callable[..., Actor], host: Host
    ) -> None:
        assert "份细目表草稿等待批准" not in page(second.get("/"))
        path = drafted(writer)
        drafted(writer, SHORT)
        assert "1 份细目表草稿等待批准" in page(second.get("/"))
        assert "份细目表草稿等待批准" not in page(writer.get("/"))
        number = int(path.rsplit("/", 1)[1])
        who = person_as("administrator")
        host.db.write(blueprint_drafts.approve, who, number, now=host.now())
        assert "份细目表草稿等待批准" not in page(second.get("/"))

    @pytest.mark.parametrize("language", ["zh", "en"])
    def test_pages_in_both_languages(self, writer: FlaskClient, language: str) -> None:
        writer.set_cookie("language", language)
        for text in (SAMPLE, SHORT, "scopes: 7"):
            path = drafted(writer, text)
            for place in (path, f"{path}/edit", "/blueprints"):
                assert writer.get(place).status_code == 200


@pytest.mark.dear
def test_six_hundred_points_pass_through_the_form(writer: FlaskClient, host: Host) -> None:
    path = drafted(writer)
    form = form_of(writer, path)
    points = [
        {"code": f"A-{n:03d}", "name": f"鉴定点第 {n} 个的名称" * 3, "importance": "Y"} for n in range(600)
    ]
    scope = {"code": "A", "name": "甲", "weight": "100", "points": points, "children": []}
    assert saved(writer, path, form, scopes=[scope]).location == path
    with host.db.read() as session:
        row = blueprints.get(session, int(path.rsplit("/", 1)[1]))
        assert len(blueprints.read(row).scopes[0].points) == 600
    assert len(form_of(writer, path)["fields"]["scopes"][0]["points"]) == 600
