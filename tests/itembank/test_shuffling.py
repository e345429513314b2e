"""What one candidate sees of a form: a permutation, always the same, that marking knows nothing of."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.items import Item, ItemBody, ItemFacts, ItemKind, Markup, Option
from itembank.paper_building import PaperPlan, build_form, paper_order
from itembank.papers import ID_LIMIT, PaperForm, Shuffle, part_id
from itembank.shuffling import drawn_order, order_map, shown
from tests.itembank.every_kind import ITEMS, MEDIA, POINTS, item, options

SECRET = "5a" * 32
BOTH = Shuffle(items=True, options=True, secret=SECRET)


def single(uid: str, *texts: str, stem: str = "题干") -> Item:
    facts = ItemFacts(uid, "A-A-A-001", ItemKind.SINGLE, 3, None, "", True)
    return Item(facts, ItemBody(stem, options(*texts), ("A",)))


def made(items: list[Item], shuffle: Shuffle | None = BOTH) -> PaperForm:
    return build_form(PaperPlan("A", "示例卷", Decimal(90), POINTS, shuffle=shuffle), items, MEDIA)[0]


MANY = [*(single(f"s{n}", *"甲乙丙丁戊") for n in range(20)), *ITEMS[1:]]
FORM: dict[str, Any] = json.loads(json.dumps(made(MANY).to_json()))


def ids(form: dict[str, Any]) -> list[str]:
    return [one["id"] for one in form["items"]]


@pytest.mark.dear
@given(st.text(min_size=1, max_size=12))
def test_everybody_sees_the_same_questions_in_an_order_of_their_own(who: str) -> None:
    found = shown(FORM, who)
    assert found == shown(FORM, who)
    assert sorted(ids(found)) == sorted(ids(FORM))
    assert [one["number"] for one in found["items"]] == list(range(1, len(FORM["items"]) + 1))
    assert "secret" not in json.dumps(found) and "starts" not in json.dumps(found)
    before = {one["id"]: one for one in FORM["items"]}
    for one in found["items"]:
        for name in ("options", "targets", "areas"):
            old, new = before[one["id"]].get(name, []), one.get(name, [])
            assert Counter(map(str, old)) == Counter(map(str, new))


@given(st.text(min_size=1, max_size=12))
def test_sections_and_cases_hold_together(who: str) -> None:
    found = shown(FORM, who)
    for section in FORM["sections"]:
        span = slice(section["from"] - 1, section["to"])
        assert set(ids(found)[span]) == set(ids(FORM)[span])
    parts = [one["id"] for one in found["items"] if one.get("group") == "SHILI-case"]
    assert parts == [part_id("SHILI-case", place) for place in (1, 2, 3)]
    group = found["groups"]["SHILI-case"]
    assert group["last"] - group["first"] == 2


def test_neighbours_differ_and_every_place_is_used() -> None:
    seen = [shown(FORM, str(attempt)) for attempt in range(200)]
    assert len({tuple(ids(one)) for one in seen}) == 200
    first = Counter(one["items"][0]["id"] for one in seen)
    assert len(first) == 20
    letters = Counter(one["options"][0]["key"] for form in seen for one in form["items"] if one["id"] == "s0")
    assert set(letters) == set("ABCDE") and min(letters.values()) > 15


def test_what_is_fixed_stays() -> None:
    form = made(
        [single("s1", "甲", "乙", "丙", "以上都对"), single("s2", "甲", "乙", "A 和 B", "丁"), ITEMS[2]]
    )
    data = form.to_json()
    for attempt in range(30):
        one, two, judged = sorted(
            shown(data, str(attempt))["items"], key=lambda each: each["id"], reverse=True
        )
        assert one["id"] == "s2" and two["id"] == "s1"
        assert [option["key"] for option in one["options"]] == list("ABCD")
        assert two["options"][3]["text"] == "以上都对"
        assert [option["text"] for option in judged["options"]] == ["正确", "错误"]


@pytest.mark.parametrize("count", [3, 4, 6])
def test_an_order_item_is_never_shown_in_the_right_order(count: int) -> None:
    for n in range(20):
        body = ItemBody("排序", options(*"甲乙丙丁戊己"[:count]), tuple("ABCDEF"[:count]))
        form, key = build_form(
            PaperPlan("A", "卷", Decimal(1), POINTS, shuffle=Shuffle(False, False, SECRET)),
            [item(f"o{n}", ItemKind.ORDER, body)],
        )
        right = list(key.items[f"o{n}"].answer)
        data = form.to_json()
        listed = [option.key for option in form.items[0].options]
        assert listed == sorted(listed) != right
        texts = {option.key: option.text for option in form.items[0].options}
        assert [texts[each] for each in right] == list("甲乙丙丁戊己"[:count])
        seen = {tuple(o["key"] for o in shown(data, str(who))["items"][0]["options"]) for who in range(40)}
        assert tuple(right) not in seen
        assert len(seen) > 1
        starts = data["items"][0]["starts"]  # type: ignore[index]
        assert list(right) not in starts


def test_the_bank_has_its_own_keys_back() -> None:
    keys = paper_order("SHILI-order", list("ABCD"), list("ABCD"))
    _, key = build_form(PaperPlan("A", "卷", Decimal(1), POINTS), ITEMS)
    back = dict(zip("ABCD", keys, strict=True))
    assert [back[each] for each in key.items["SHILI-order"].answer] == list("ABCD")


def test_a_form_without_a_secret_stays_as_it_is() -> None:
    data = made(MANY, shuffle=None).to_json()
    assert ids(shown(data, "1")) == ids(data)
    assert shown(data, "1")["items"][0]["options"] == data["items"][0]["options"]  # type: ignore[index]


@pytest.mark.parametrize(("items", "opts"), [(True, False), (False, True), (False, False)])
def test_each_of_the_two_may_be_left_alone(items: bool, opts: bool) -> None:
    data = made(MANY, Shuffle(items, opts, SECRET)).to_json()
    seen = [shown(data, str(who)) for who in range(20)]
    assert (len({tuple(ids(one)) for one in seen}) > 1) is items
    keys = {
        tuple(o["key"] for one in form["items"] if one["id"] == "s3" for o in one["options"]) for form in seen
    }
    assert (len(keys) > 1) is opts


def test_a_dispute_is_replayed_from_the_map() -> None:
    found = order_map(FORM, "17")
    assert [one["id"] for one in found] == ids(shown(FORM, "17"))
    assert {one["form_number"] for one in found} == set(range(1, len(FORM["items"]) + 1))


def test_drawn_orders_are_fair_and_small_ones_stay() -> None:
    counts = Counter(tuple(drawn_order(b"k", str(n), [1, 2, 3])) for n in range(3000))
    assert len(counts) == 6 and min(counts.values()) > 400
    assert drawn_order(b"k", "x", []) == []


def test_a_paper_cleans_its_texts_and_says_nothing_right() -> None:
    body = ItemBody('<p onclick="x()">题<script>alert(1)</script></p>', options("甲", "乙"), ("B",), "解析外露",
                    markup=Markup.HTML)  # fmt: skip
    form, _ = build_form(
        PaperPlan("A", "卷", Decimal(1), POINTS), [*ITEMS, item("h1", ItemKind.SINGLE, body)], MEDIA
    )
    text = json.dumps(form.to_json(), ensure_ascii=False)
    assert "onclick" not in text and "script" not in text and "外露" not in text
    for word in ("answer", "accepted", "ranges", "weights", "criteria", "119"):
        assert word not in text
    assert "<math>" in form.items[4].stem and form.items[-1].markup == "html"


def test_gaps_that_the_stem_does_not_name_follow_it() -> None:
    from dataclasses import replace

    source = ITEMS[3]
    bare = Item(source.facts, replace(source.body, stem="写出电话和地点 [[2]]"))
    form, _ = build_form(PaperPlan("A", "卷", Decimal(1), POINTS), [bare])
    assert form.items[0].stem == "写出电话和地点 [[2]]\n[[1]]"


def test_ids_of_parts_fit_whatever_the_item_is_called() -> None:
    assert part_id("U" * 64, 30) == "U" * 61 + ".30"
    assert len(part_id("U" * 64, 30)) == ID_LIMIT


def test_fixed_options_keep_their_place_in_any_form() -> None:
    fixed = (Option("A", "甲"), Option("B", "乙", fixed=True), Option("C", "丙"), Option("D", "丁"))
    data = made([item("f", ItemKind.MULTIPLE, ItemBody("题", fixed, ("A", "B")))]).to_json()
    for who in range(30):
        assert shown(data, str(who))["items"][0]["options"][1]["key"] == "B"
