"""What the agent takes for each kind of question, from a real sealed paper of every kind."""

import base64
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from client.outbox import BATCH_BYTES, Outbox
from client.page import MEDIA_TYPES
from client.paper import Paper, Shelf
from client.responses import GAP_LIMIT, TEXT_LIMIT, ItemRule, settled
from client.simulate import _as_written, _guess
from exam_rooms.protocol import PaperView, Record, RecordKind
from itembank.marking import mark
from itembank.paper_building import PaperPlan, build_form
from itembank.papers import MarkingKey, Shuffle
from tests.client.fake_paper import seal_form
from tests.itembank.every_kind import ITEMS, MEDIA, PICTURE, POINTS, SHA
from tests.itembank.test_marking_kinds import perfect

SITE = Ed25519PrivateKey.generate()
PLAN = PaperPlan("A", "示例卷", Decimal(90), POINTS, shuffle=Shuffle(True, True, "7b" * 32))
FORM, KEY = build_form(PLAN, ITEMS, MEDIA)
SEALED = seal_form(SITE.private_bytes_raw(), FORM, KEY)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    made = Shelf(tmp_path_factory.mktemp("shelf"), SITE.public_key().public_bytes_raw())
    made.store(SEALED.sealed.data, SEALED.sealed.sha256)
    return made


def opened(shelf: Shelf, who: str = "7") -> Paper:
    key = base64.b64encode(SEALED.key).decode()
    return shelf.open(PaperView("p", SEALED.sealed.sha256, len(SEALED.sealed.data), "A", key), who)


@pytest.fixture(scope="module")
def paper(shelf: Shelf) -> Paper:
    return opened(shelf)


def test_the_page_gets_neither_secret_nor_key_nor_media_bytes(paper: Paper) -> None:
    text = paper.json.decode()
    for word in ("7b7b7b", "secret", "starts", "answer", "accepted", MEDIA[SHA]["data"][:40]):
        assert word not in text
    assert json.loads(text)["media"] == {SHA: {"mime": "image/png"}}
    assert paper.media[SHA].data == PICTURE and paper.media[SHA].mime in MEDIA_TYPES


def test_each_candidate_has_an_order_of_their_own_that_lasts(shelf: Shelf) -> None:
    assert opened(shelf, "7").json == opened(shelf, "7").json
    assert len({opened(shelf, str(who)).json for who in range(12)}) == 12


def test_what_is_right_by_the_key_is_taken_and_brings_all_points(paper: Paper) -> None:
    given = {uid: perfect(entry) for uid, entry in KEY.items.items()}
    taken = {uid: paper.settled(uid, response) for uid, response in given.items()}
    assert None not in taken.values()
    marks = mark({uid: response or () for uid, response in taken.items()}, KEY)
    assert marks.total + sum(KEY.items[uid].points for uid in marks.pending) == KEY.total


@pytest.mark.parametrize(
    ("uid", "response", "taken"),
    [
        ("SHILI-multiple", ("C", "A"), ("A", "C")),
        ("SHILI-single", ("A", "B"), None),
        ("SHILI-true_false", ("C",), None),
        ("SHILI-text", ("b", "a"), ("b", "a")),
        ("SHILI-text", ("", "a"), ("", "a")),
        ("SHILI-text", ("", ""), ()),
        ("SHILI-text", ("a",), None),
        ("SHILI-text", ("a" * GAP_LIMIT, ""), ("a" * GAP_LIMIT, "")),
        ("SHILI-text", ("a" * (GAP_LIMIT + 1), ""), None),
        ("SHILI-text", ("a\x00", ""), None),
        ("SHILI-text", ("a\ud800", ""), None),
        ("SHILI-inline_choice", ("B",), ("B",)),
        ("SHILI-inline_choice", ("D",), None),
        ("SHILI-match", ("C-1", "A-2"), ("A-2", "C-1")),
        ("SHILI-match", ("A-1", "A-2"), None),
        ("SHILI-match", ("A-4",), None),
        ("SHILI-match", ("D-1",), None),
        ("SHILI-order", ("D", "A", "C", "B"), ("D", "A", "C", "B")),
        ("SHILI-order", ("D", "A", "C"), None),
        ("SHILI-order", ("D", "A", "C", "C"), None),
        ("SHILI-hotspot", ("C",), ("C",)),
        ("SHILI-hotspot", ("A", "C"), None),
        ("SHILI-hotspot", ("D",), None),
        ("SHILI-essay", ("一\n二",), ("一\n二",)),
        ("SHILI-essay", (" \n ",), ()),
        ("SHILI-essay", ("字" * TEXT_LIMIT,), ("字" * TEXT_LIMIT,)),
        ("SHILI-essay", ("字" * (TEXT_LIMIT + 1),), None),
        ("SHILI-case", ("A",), None),
        ("SHILI-case.1", ("A",), ("A",)),
        ("SHILI-case.4", ("A",), None),
        ("SHILI-single", (), ()),
        ("elsewhere", (), None),
    ],
)
def test_a_response_is_taken_as_its_kind_asks(
    paper: Paper, uid: str, response: tuple[str, ...], taken: tuple[str, ...] | None
) -> None:
    assert paper.settled(uid, response) == taken


def test_most_says_how_often_something_may_be_chosen() -> None:
    many = ItemRule("match", frozenset("AB"), frozenset("12"), most=0)
    assert settled(many, ("A-1", "A-2", "B-1")) == ("A-1", "A-2", "B-1")
    assert settled(ItemRule("hotspot", frozenset("ABC"), most=2), ("C", "A")) == ("A", "C")
    assert settled(ItemRule("hotspot", frozenset("ABC"), most=2), ("C", "A", "B")) is None
    assert settled(ItemRule("unheard of", frozenset("A")), ("A",)) is None


@pytest.mark.dear
@given(st.lists(st.text(max_size=12), max_size=8), st.sampled_from(sorted(KEY.items)))
def test_what_is_settled_stays_settled(response: list[str], uid: str) -> None:
    rules = {item["id"]: ItemRule.of(item) for item in json.loads(json.dumps(FORM.to_json()))["items"]}
    once = settled(rules[uid], tuple(response))
    assert once is None or settled(rules[uid], once) == once
    assert MarkingKey.from_json(KEY.to_json()) == KEY


def test_long_texts_do_not_make_a_request_too_large() -> None:
    outbox = Outbox()
    body = "x" * 45_000
    outbox.add([Record(7, 1, n, RecordKind.ANSWER, "q", body, "b", n, "", "h") for n in range(1, 41)])
    batch = outbox.batch(7)
    assert 1 <= len(batch) < 40 and sum(len(record.body) for record in batch) <= BATCH_BYTES
    huge = Outbox()
    huge.add([Record(7, 1, 1, RecordKind.ANSWER, "q", "x" * (BATCH_BYTES + 1), "b", 1, "", "h")])
    assert len(huge.batch(7)) == 1


def test_a_damaged_form_is_told_not_shown(tmp_path: Path) -> None:
    from client.paper import PaperFault, _paper

    data = json.loads(json.dumps(FORM.to_json()))
    for change in (
        {"items": None},
        {"shuffle": {"secret": "xy", "items": True, "options": True}},
        {"media": {"a": {}}},
    ):
        with pytest.raises(PaperFault):
            _paper({**data, **change}, "7")


def test_simulated_candidates_answer_every_kind_as_the_agent_keeps_it(paper: Paper) -> None:
    kinds = set()
    for item in json.loads(paper.json)["items"]:
        for seed in range(20):
            response = _as_written(item, _guess(item, random.Random(seed)))
            assert paper.settled(item["id"], response) == tuple(response) != ()
        kinds.add(item["kind"])
    assert len(kinds) == 10
