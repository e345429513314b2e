"""Level policies in words, with their sources; those that ran out are marked."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from server.access import Actor
from server.host import Host
from server.rules.policy import policy_for
from server.rules.policy_components import Component, Rounding
from server.services.batches import profile_names, profiles, read_profile
from server.web import policy_words
from tests.server.desk import page


@pytest.fixture
def browser(person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(person_as("scorer"))


def test_every_profile_is_listed_and_the_calendar_is_none(browser: FlaskClient) -> None:
    shown = page(browser.get("/policies"))
    assert profile_names() == ["jiangsu_legacy", "national", "rehearsal"]
    for name in profile_names():
        assert f"/policies/{name}" in shown and read_profile(name).title in shown
    assert browser.get("/policies/calendar").status_code == 404


def test_a_text_that_ran_out_is_marked_and_others_are_not(browser: FlaskClient) -> None:
    assert page(browser.get("/policies")).count("依据已失效") == 1
    legacy = page(browser.get("/policies/jiangsu_legacy"))
    assert "依据已失效" in legacy and "至 2018-12-31" in legacy
    assert "已失效" not in page(browser.get("/policies/national"))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "national?occupation=baowei&level=2",
            (
                "保卫管理员 · 二级/技师",
                "不少于 90 分钟",
                "满分 100 分，60 分及以上合格，不四舍五入（59.5 分不合格）",
                "每个考场不少于 2 人，每 15 名考生不少于 1 人",
                "不少于 3 人；人数为单数；每名考评员最多对应 5 名同时考核的考生",
                "须持高级考评员证卡",
                "最高与最低总分之差超过 10 分的",
                "多数考评员判定即成立",
                "审阅材料、论文答辩",
                "每人不少于 15 分钟",
                "公示 5 个工作日",
                "公布后 15 个工作日内可以申请，10 个工作日内答复",
                "理论知识考试、技能考核、综合评审各科合格（或免试）为合格",
            ),
        ),
        ("national?occupation=baowei&level=3", ("不限证卡类别", "理论知识考试、技能考核各科合格")),
        (
            "jiangsu_legacy?occupation=baoanyuan&level=5",
            ("五级/初级保安员", "取得保安员证 3 年以内的免试，以考试当日计，满期当日有效"),
        ),
        ("jiangsu_legacy?occupation=baoanyuan&level=1", ("一级/高级保安师", "论文答辩", "两人分别评阅")),
        ("rehearsal", ("演练", "不设下限")),
    ],
)
def test_a_level_in_words(browser: FlaskClient, path: str, words: tuple[str, ...]) -> None:
    shown = page(browser.get(f"/policies/{path}"))
    for each in words:
        assert each in shown


@pytest.mark.parametrize(
    "path",
    ["nowhere", "national?occupation=baowei&level=5", "national?occupation=x&level=3", "national?level=x"],
)
def test_what_does_not_exist_is_not_found(browser: FlaskClient, path: str) -> None:
    assert browser.get(f"/policies/{path}").status_code == 404


def test_who_sees_no_batches_sees_no_policies(
    person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    assert sign_in(person_as("bank_keeper")).get("/policies").status_code == 403


@pytest.mark.parametrize(
    ("inclusive", "rounding", "expected"),
    [
        (True, Rounding.NONE, "满分 100 分，60 分及以上合格，不四舍五入（59.5 分不合格）"),
        (True, Rounding.HALF_UP, "满分 100 分，先四舍五入到整数，60 分及以上合格（59.5 分合格）"),
        (False, Rounding.NONE, "满分 100 分，高于 60 分合格（60 分不合格），不四舍五入"),
        (False, Rounding.HALF_UP, "满分 100 分，先四舍五入到整数，高于 60 分合格（60 分不合格）"),
    ],
)
def test_the_pass_mark_in_words(host: Host, inclusive: bool, rounding: Rounding, expected: str) -> None:
    from server.app import build_app

    scale = policy_for(read_profile("national"), "baowei", 3).scale
    with build_app(host).test_request_context():
        assert policy_words.pass_words(replace(scale, inclusive=inclusive, rounding=rounding)) == expected


def test_what_differs_is_said(host: Host) -> None:
    from server.app import build_app

    policy = policy_for(read_profile("national"), "baowei", 2)
    review = policy.terms_of(Component.REVIEW)
    panel = replace(review.panel, spread_most=None, odd=False, consecutive_most=0, renew_one_in=0)
    own = replace(review, panel=panel, least_characters=2000)
    results = replace(policy.results, retakes_most=0, double_tolerance=Decimal("2.50"))
    with build_app(host).test_request_context():
        facts = dict(policy_words.component_facts(policy, own))
        after = dict(policy_words.result_facts(replace(policy, results=results)))
    assert (facts["仲裁"], facts["考评小组"], facts["论文"]) == ("没有", "不少于 3 人", "不少于 2000 字")
    assert (facts["免试规定"], after["补考"]) == ("没有", "没有")


def test_where_a_batch_is_filed_the_national_profile_comes_first_and_an_expired_text_is_named(
    person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    assert [name for name, _title, _rehearsal in profiles()] == ["national", "jiangsu_legacy", "rehearsal"]
    shown = page(sign_in(person_as("administrator")).get("/batches"))
    assert "江苏省保安员职业资格鉴定（试行标准）（依据已失效）</option>" in shown
    assert "国家职业技能等级认定</option>" in shown
