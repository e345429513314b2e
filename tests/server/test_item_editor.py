"""The form of an item: every kind is written, looked at, changed; faults stand at their fields; pictures."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from itembank.items import Item, ItemBody, ItemKind, Option
from server.access import Actor
from server.db.bank import BankItem, BankMedium, ItemVersion
from server.db.record import AuditEntry
from server.host import Host
from server.services import items
from server.web.item_fields import fields_of
from tests.itembank.every_kind import PICTURE, SHA
from tests.server import item_kit
from tests.server.desk import counts, page, said
from tests.server.item_kit import EVERY, SINGLE, Shelf


@pytest.fixture
def shelf(host: Host, person_as: Callable[..., Actor]) -> Iterator[Shelf]:
    yield item_kit.shelf(host, person_as)


@pytest.fixture
def author(shelf: Shelf, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(shelf.author)


def send(shelf: Shelf, author: FlaskClient, fields: dict, rest: str = "new", **more: object) -> TestResponse:
    data = {**fields, **more}
    return author.post(f"/banks/{shelf.bank}/items/{rest}", data=data, content_type="multipart/form-data")


def opened(shelf: Shelf, item_id: int):
    return shelf.host.db.write(items.read, shelf.reviewer, item_id, now=shelf.host.now())


@pytest.mark.dear
def test_an_item_of_every_kind_is_written_by_its_form(shelf: Shelf, author: FlaskClient) -> None:
    shelf.picture()
    for kind, item in EVERY.items():
        assert author.get(f"/banks/{shelf.bank}/items/new?kind={kind}").status_code == 200, kind
        answer = send(shelf, author, fields_of(item), act="save")
        assert answer.status_code == 302, page(answer)
        item_id = int(answer.location.rsplit("/", 1)[1])
        assert _cleaned(opened(shelf, item_id)) == _cleaned(item)
        assert shelf.row(item_id).status == "draft"


@pytest.mark.dear
def test_the_form_of_an_item_says_the_item(shelf: Shelf, author: FlaskClient) -> None:
    """What the form shows and a browser sends back unchanged is the same item again."""
    for item in EVERY.values():
        item_id = shelf.add(item)
        shown = author.get(f"/banks/{shelf.bank}/items/{item_id}/edit")
        answer = send(shelf, author, _filled(shown.text), f"{item_id}/edit", act="save", note="没有改动")
        assert answer.status_code == 302, page(answer)
        assert _cleaned(opened(shelf, item_id)) == _cleaned(item)
        with shelf.host.db.read() as session:
            assert session.get_one(ItemVersion, (item_id, 2)).note == "没有改动"


def _cleaned(item: Item) -> Item:
    """A table gets its body when HTML is cleaned."""
    stem = item.body.stem.replace("<tbody>", "").replace("</tbody>", "")
    return replace(item, body=replace(item.body, stem=stem))


def _filled(text: str) -> dict[str, str]:
    """What a browser would send of the item's form, as it is shown."""
    from lxml import html

    form = html.fromstring(text).xpath("//form[contains(@class, 'sheet')]")[0]
    return {name: value for name, value in form.form_values() if name not in ("csrf_token", "file")}


def test_opening_the_form_is_a_reading_on_record_and_showing_it_again_is_none(
    shelf: Shelf, author: FlaskClient
) -> None:
    item_id = shelf.add()
    author.get(f"/banks/{shelf.bank}/items/{item_id}/edit")
    send(shelf, author, fields_of(SINGLE), f"{item_id}/edit", act="look")
    with shelf.host.db.read() as session:
        read = session.scalars(select(AuditEntry).where(AuditEntry.act == "item_read")).all()
    assert len(read) == 1


FAULTS = (
    ({"stem": " "}, "stem", "empty_stem", {}),
    ({"point": "A1"}, "point", "bad_point", {"value": "A1"}),
    ({"difficulty": "9"}, "difficulty", "bad_difficulty", {"value": "9"}),
    ({"answer": ""}, "answer", "answer_missing", {}),
    ({"option_B": ""}, "option_B", "empty_option", {"key": "B"}),
    ({"option_B": "当面交接"}, "option_A", "equal_options", {"text": "当面交接"}),
    ({"uid": "一 二"}, "uid", "bad_uid", {"value": "一 二"}),
    (
        {"stem": '<img src="media:' + "0" * 64 + '">', "markup": "html"},
        *("stem", "medium_not_in_bank", {"medium": "0" * 16}),
    ),
)


def test_a_fault_is_told_at_its_field_and_nothing_is_lost(shelf: Shelf, author: FlaskClient) -> None:
    for change, field, code, params in FAULTS:
        answer = send(shelf, author, fields_of(SINGLE) | change, act="save")
        assert answer.status_code == 422, change
        shown = page(answer)
        assert said(code, **params) in shown
        assert f'id="{field}-e"' in shown
        assert "提前离岗" in shown
    assert counts(shelf.host, BankItem) == [0]


def test_a_fault_of_a_part_names_the_part(shelf: Shelf, author: FlaskClient) -> None:
    answer = send(shelf, author, fields_of(EVERY[ItemKind.CASE]) | {"part_1_answer": ""}, act="save")
    assert "小题 1：" + said("answer_missing") in page(answer)
    assert 'id="part_1_answer-e"' in page(answer)


def test_looking_shows_the_item_and_keeps_nothing(shelf: Shelf, author: FlaskClient) -> None:
    shelf.picture()
    answer = send(shelf, author, fields_of(EVERY[ItemKind.HOTSPOT]), act="look")
    assert answer.status_code == 200
    assert f"/banks/{shelf.bank}/media/{SHA}" in answer.text
    assert "<polygon" in answer.text
    assert 'class="is-right"' in answer.text
    assert counts(shelf.host, BankItem) == [0]


def test_a_change_of_an_active_item_waits_and_the_form_closes(shelf: Shelf, author: FlaskClient) -> None:
    item_id = shelf.add(to="active")
    answer = send(
        shelf, author, fields_of(SINGLE) | {"stem": "新题干", "uid": "别的"}, f"{item_id}/edit", act="save"
    )
    assert answer.status_code == 302
    assert shelf.row(item_id).version == 1
    assert shelf.row(item_id).uid == "SHILI-single"
    assert author.get(f"/banks/{shelf.bank}/items/{item_id}/edit").status_code == 409
    again = send(shelf, author, fields_of(SINGLE), f"{item_id}/edit", act="save")
    assert again.status_code == 409
    assert said("item_pending_already", uid="SHILI-single") in page(again)


def test_an_id_that_is_taken_is_told_at_its_field(shelf: Shelf, author: FlaskClient) -> None:
    shelf.add()
    answer = send(shelf, author, fields_of(SINGLE), act="save")
    assert answer.status_code == 422
    assert said("item_id_taken", uid="SHILI-single") in page(answer)
    assert 'id="uid-e"' in answer.text


def test_an_unsupported_item_is_written_anew_as_another_kind(shelf: Shelf, author: FlaskClient) -> None:
    facts = replace(SINGLE.facts, kind=ItemKind.UNSUPPORTED)
    item_id = shelf.add(replace(SINGLE, facts=facts, body=ItemBody("原题", raw="<x/>")))
    shown = author.get(f"/banks/{shelf.bank}/items/{item_id}/edit")
    assert "原题" in page(shown)
    answer = send(shelf, author, fields_of(SINGLE), f"{item_id}/edit", act="save")
    assert answer.status_code == 302
    assert (shelf.row(item_id).kind, shelf.row(item_id).version) == ("single", 2)


def test_a_flawed_item_says_its_flaw_and_is_usable_once_it_is_written_anew(
    shelf: Shelf, author: FlaskClient, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    facts = replace(SINGLE.facts, flaw="no_fixed_answer")
    item_id = shelf.add(replace(SINGLE, facts=facts, body=replace(SINGLE.body, raw="<x/>")), to="reviewed")
    path = f"/banks/{shelf.bank}/items/{item_id}"
    assert said("no_fixed_answer") in page(author.get(path))
    reviewer = sign_in(shelf.reviewer)
    reviewer.post(f"{path}/move", data={"to": "active", "version": 1})
    assert shelf.row(item_id).status == "reviewed"
    send(shelf, author, fields_of(SINGLE), f"{item_id}/edit", act="save")
    reviewer.post(f"{path}/accept", data={"version": 2})
    reviewer.post(f"{path}/move", data={"to": "active", "version": 2})
    assert (shelf.row(item_id).status, shelf.row(item_id).flaw) == ("active", "")


def test_a_kind_that_cannot_be_written_is_not_found(shelf: Shelf, author: FlaskClient) -> None:
    for kind in ("unsupported", "nothing", ""):
        assert author.get(f"/banks/{shelf.bank}/items/new?kind={kind}").status_code == 404
        assert send(shelf, author, {"kind": kind}).status_code == 404


class TestUpload:
    def test_a_picture_is_drawn_anew_by_a_child_and_offered_for_pasting(
        self, shelf: Shelf, author: FlaskClient
    ) -> None:
        fields = fields_of(EVERY[ItemKind.HOTSPOT]) | {"picture": "", "stem": "示例：点出出口。"}
        answer = send(shelf, author, fields, act="upload", file=(io.BytesIO(PICTURE), "plan.png"))
        assert answer.status_code == 200
        with shelf.host.db.read() as session:
            (medium,) = session.scalars(select(BankMedium)).all()
            assert PICTURE not in medium.sealed
        assert f'<img src="media:{medium.sha256}"' in page(answer)
        assert (medium.mime, medium.width, medium.height) == ("image/png", 320, 200)
        sent = _filled(answer.text)
        assert (sent["picture"], sent["media"]) == (medium.sha256, medium.sha256)
        assert sent["stem"] == "示例：点出出口。"
        saved = send(shelf, author, sent, act="save")
        assert saved.status_code == 302, page(saved)
        kept = opened(shelf, int(saved.location.rsplit("/", 1)[1]))
        assert [each.sha256 for each in kept.body.media] == [medium.sha256]

    def test_what_is_no_picture_is_told_and_nothing_is_lost(self, shelf: Shelf, author: FlaskClient) -> None:
        for data, code in ((b"<svg onload='x'/>", "media_svg"), (b"GIF89a broken", "media_not_readable")):
            answer = send(shelf, author, fields_of(SINGLE), act="upload", file=(io.BytesIO(data), "x.png"))
            assert answer.status_code == 422
            assert said(code) in page(answer)
            assert 'id="file-e"' in answer.text
            assert "提前离岗" in page(answer)
        assert counts(shelf.host, BankMedium) == [0]

    def test_without_a_file_is_told(self, shelf: Shelf, author: FlaskClient) -> None:
        answer = send(shelf, author, fields_of(SINGLE), act="upload")
        assert (answer.status_code, said("file_missing") in page(answer)) == (422, True)


def test_texts_of_a_form_stay_text_on_its_page(shelf: Shelf, author: FlaskClient) -> None:
    options = tuple(Option(key, text) for key, text in zip("AB", ('"><script>1</script>', "乙"), strict=True))
    item = replace(SINGLE, body=ItemBody("</textarea><script>1</script>", options, ("A",)))
    answer = send(shelf, author, fields_of(item), act="look")
    assert answer.status_code == 200
    assert "<script>1" not in answer.text
