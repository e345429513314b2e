"""Languages: which one a reader gets, how times are written, and that the catalogue can be trusted."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from flask import Flask
from flask.testing import FlaskClient

from server.cli import translations
from server.web import language as words

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hans-CN", "zh"),
        ("zh_TW", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.1", "en"),
        ("fr-FR,en;q=0.5,zh;q=0.4", "en"),
        ("fr-FR", "zh"),
        ("", "zh"),
    ],
)
def test_language_by_the_browser(app: Flask, header: str, expected: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": header}):
        assert words.language() == expected


def test_cookie_wins_and_nonsense_does_not(app: Flask) -> None:
    english = {"Accept-Language": "en"}
    with app.test_request_context("/", headers={**english, "Cookie": "language=zh"}):
        assert words.language() == "zh"
    with app.test_request_context("/", headers={**english, "Cookie": "language=../x"}):
        assert words.language() == "en"


def test_choosing_a_language(client: FlaskClient) -> None:
    answer = client.get("/language/en?next=/login")
    assert answer.location == "/login"
    assert '<html lang="en">' in client.get("/login").text
    client.get("/language/zh")
    assert '<html lang="zh-CN">' in client.get("/login").text
    assert client.get("/language/fr").status_code == 404
    assert client.get("/language/en?next=https://evil.example/").location == "/"


def test_catalogue_for_scripts(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/catalog/zh.json").get_json() == {}
    assert client.get("/catalog/xx.json").status_code == 404

    class Loaded:
        _catalog = {
            "": "header",
            "批次": "Batch",
            ("%(n)d 座", 0): "%(n)d seat",
            ("%(n)d 座", 1): "%(n)d seats",
        }

    monkeypatch.setattr(words, "get_translations", Loaded)
    assert client.get("/catalog/en.json").get_json() == {
        "批次": "Batch",
        "%(n)d 座": ["%(n)d seat", "%(n)d seats"],
    }


def test_times_are_the_sites(app: Flask) -> None:
    midnight = datetime(2026, 11, 20, 16, 0, 5, tzinfo=UTC)
    assert words.moment(midnight, SHANGHAI) == "2026-11-21 00:00:05"
    assert words.clock(midnight, SHANGHAI) == "00:00:05"
    assert words.moment(None, SHANGHAI) == words.clock(None, SHANGHAI) == "—"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (90, "1 小时 30 分"),
        (60, "1 小时"),
        (Decimal("45.5"), "45 分 30 秒"),
        (Decimal("0.5"), "30 秒"),
        (0, "0 秒"),
        (1.0 / 3, "20 秒"),
        (None, "—"),
    ],
)
def test_durations(app: Flask, value: Decimal | float | None, text: str) -> None:
    with app.test_request_context("/"):
        assert words.minutes(value) == text


@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_pages_stand_in_both_languages(client_as: Callable[..., FlaskClient], role: str) -> None:
    browser = client_as(role)
    browser.set_cookie("language", "en")
    for path in ("/", "/settings", "/password"):
        assert browser.get(path).status_code == 200


def catalog(entries: dict, fuzzy: str = "") -> Catalog:
    made = Catalog(locale="en")
    for msgid, text in entries.items():
        made.add(msgid, text, flags=["fuzzy"] if msgid == fuzzy else [])
    return made


TEXTS = {
    "批次": "Batch",
    "第 %(row)d 行": "Row %(row)d",
    ("%(n)d 座", "%(n)d 座 "): ("%(n)d seat", "%(n)d seats"),
}


class TestFaults:
    def test_complete_catalogue_has_none(self) -> None:
        assert list(translations.faults(catalog(TEXTS), catalog(TEXTS))) == []

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"批次": ""}, "untranslated: 批次"),
            ({"第 %(row)d 行": "Row %(line)d"}, "placeholders differ: 第 %(row)d 行"),
            ({"第 %(row)d 行": "Row"}, "placeholders differ: 第 %(row)d 行"),
            ({"第 %(row)d 行": "Row %(row)s"}, "placeholders differ: 第 %(row)d 行"),
            ({"旧词": "Old"}, "not in the sources: 旧词"),
            ({("%(n)d 座", "%(n)d 座 "): ("one seat", "")}, "untranslated: %(n)d 座"),
        ],
    )
    def test_each_fault_is_named(self, change: dict, fault: str) -> None:
        assert list(translations.faults(catalog(TEXTS), catalog({**TEXTS, **change}))) == [fault]

    def test_singular_may_leave_its_number_out(self) -> None:
        spoken = {**TEXTS, ("%(n)d 座", "%(n)d 座 "): ("one seat", "%(n)d seats")}
        assert list(translations.faults(catalog(TEXTS), catalog(spoken))) == []

    def test_missing_and_fuzzy(self) -> None:
        less = {key: text for key, text in TEXTS.items() if key != "批次"}
        assert list(translations.faults(catalog(TEXTS), catalog(less))) == ["missing: 批次"]
        assert list(translations.faults(catalog(TEXTS), catalog(TEXTS, fuzzy="批次"))) == ["fuzzy: 批次"]


class TestUpdate:
    @pytest.fixture
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(translations, "PO", tmp_path / "en" / "LC_MESSAGES" / "messages.po")
        monkeypatch.setattr(translations, "KIOSK_JSON", tmp_path / "kiosk" / "en.json")
        return tmp_path

    def test_keeps_translations_drops_what_is_gone(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(translations, "extracted", lambda: catalog(dict.fromkeys(TEXTS, "")))
        translations.main([])
        before = translations.PO.read_text()
        assert 'msgid "批次"\nmsgstr ""' in before
        translations.PO.write_text(before.replace('msgid "批次"\nmsgstr ""', 'msgid "批次"\nmsgstr "Batch"'))
        monkeypatch.setattr(translations, "extracted", lambda: catalog({"批次": "", "新词": ""}))
        translations.main([])
        after = translations.PO.read_text()
        assert 'msgstr "Batch"' in after
        assert "新词" in after
        assert "row" not in after
        assert translations.main(["--check"]) == 1

    def test_refreshing_twice_changes_nothing(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(translations, "extracted", lambda: catalog(dict.fromkeys(TEXTS, "")))
        translations.main([])
        first = translations.PO.read_text()
        translations.main([])
        assert translations.PO.read_text() == first

    def test_compiles_for_python_and_for_the_kiosk(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = Catalog()
        source.add("批次", locations=[("server/templates/a.html", 1)])
        source.add("交卷", locations=[("client/ui/page.js", 1)])
        monkeypatch.setattr(translations, "extracted", lambda: source)
        translations.main([])
        text = translations.PO.read_text().replace(
            'msgid "交卷"\nmsgstr ""', 'msgid "交卷"\nmsgstr "Hand in"'
        )
        translations.PO.write_text(text.replace('msgid "批次"\nmsgstr ""', 'msgid "批次"\nmsgstr "Batch"'))
        assert translations.main(["--compile"]) == 0
        assert translations.PO.with_suffix(".mo").stat().st_size > 0
        assert translations.KIOSK_JSON.read_text() == '{\n"交卷": "Hand in"\n}'


@pytest.mark.dear
def test_sources_of_every_kind_are_read() -> None:
    found = {
        str(place).split("/")[-1].rsplit(".", 1)[-1]
        for one in translations.extracted()
        for place, _ in one.locations
    }
    assert {"py", "html"} <= found
