"""The canary paper: every delivered kind, a total known by construction, and no skew that goes unseen."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.canary import FORM, Finding, judge, make, seal_canary
from itembank.canary_answers import CanaryUnreadable, answer_key, instructed, map_digest
from itembank.items import DELIVERED, ItemKind
from itembank.marking import mark
from itembank.package import PackageBroken, new_signing_key, open_section, read_header
from itembank.shuffling import shown
from itembank.version import VERSION

SEEDS = st.text("0123456789abcdef", min_size=1, max_size=8)
Json = dict[str, Any]


def delivered(seed: str, who: str = "round-1") -> Json:
    """The form as JSON through the package's own serialisation, in the order of one seat."""
    return shown(json.loads(json.dumps(make(seed).form.to_json())), who)


def found(seed: str, form: Json, who: str = "round-1") -> Finding:
    """What the server makes of a seat that answers `form` as it reads."""
    media = list(make(seed).form.media)
    return judge(make(seed), who, instructed(form), map_digest(form, media))


@pytest.mark.dear
@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS)
def test_an_honest_seat_matches_in_every_round(seed: str, who: str) -> None:
    finding = found(seed, delivered(seed, who), who)
    assert finding.good
    assert finding.total == finding.expected


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_the_total_known_by_construction_is_what_marking_gives(seed: str) -> None:
    canary = make(seed)
    marks = mark(instructed(canary.form.to_json()), canary.key)
    assert marks.total == canary.total
    assert Decimal(0) < canary.total < canary.key.total
    assert not marks.oddities


def test_every_delivered_kind_is_asked_and_some_are_answered_wrongly() -> None:
    canary = make("1")
    assert {item.kind for item in canary.form.items} | {ItemKind.CASE} == DELIVERED
    assert canary.form.groups
    marks = mark(instructed(canary.form.to_json()), canary.key)
    awarded = {item.awarded == item.points for item in marks.items}
    assert awarded == {True, False}
    assert all("自检" in item.stem for item in canary.form.items)


def test_seeds_differ_in_keys_and_in_total_or_answers() -> None:
    papers = [instructed(make(str(seed)).form.to_json()) for seed in range(20)]
    assert len({json.dumps(paper, sort_keys=True) for paper in papers}) > 15


def _texts_apart_from_keys(form: Json) -> None:
    """The skew of 2025: texts were shuffled, the keys behind them were not."""
    for item in form["items"]:
        if item["kind"] in ("single", "multiple"):
            texts = [option["text"] for option in item["options"]]
            for option, text in zip(item["options"], texts[1:] + texts[:1], strict=True):
                option["text"] = text


def _options_in_order_of_keys(form: Json) -> None:
    """A seat that does not shuffle options at all."""
    for item in form["items"]:
        item["options"] = sorted(item["options"], key=lambda option: str(option["key"]))


def _targets_exchanged(form: Json) -> None:
    for item in form["items"]:
        targets = item.get("targets", [])
        if len(targets) > 1:
            targets[0]["key"], targets[1]["key"] = targets[1]["key"], targets[0]["key"]


def _gaps_exchanged(form: Json) -> None:
    for item in form["items"]:
        for gap in item.get("gaps", ()):
            choices = gap.get("choices", [])
            for choice, key in zip(choices, [c["key"] for c in choices][::-1], strict=True):
                choice["key"] = key


def _questions_reversed(form: Json) -> None:
    form["items"] = form["items"][::-1]


@pytest.mark.parametrize(
    ("skew", "differing"),
    [
        (_texts_apart_from_keys, {"single", "multiple"}),
        (_targets_exchanged, {"match"}),
        (_questions_reversed, set()),
        (_options_in_order_of_keys, set()),
    ],
)
def test_a_seat_that_shows_another_map_is_found(skew: Callable[[Json], None], differing: set[str]) -> None:
    form = delivered("7")
    skew(form)
    finding = found("7", form)
    assert not finding.good
    assert not finding.same_map
    assert set(finding.differing) == differing


def test_choices_of_a_gap_with_exchanged_keys_are_found() -> None:
    for seed in "123456":
        form = delivered(seed)
        _gaps_exchanged(form)
        assert not found(seed, form).same_map


def test_the_order_of_another_seat_is_another_map() -> None:
    assert not found("7", delivered("7", "round-2"), "round-1").same_map


def test_one_wrong_answer_differs_in_kind_and_total() -> None:
    form, media = delivered("7"), list(make("7").form.media)
    right = instructed(form)
    wrong = right | {"canary-numeric-1": ("1",)}
    finding = judge(make("7"), "round-1", wrong, map_digest(form, media))
    assert finding.same_map
    assert finding.differing == ("numeric",)
    assert finding.total == finding.expected - 5


@pytest.mark.parametrize("change", ["missing", "added"])
def test_a_question_too_few_or_too_many_differs(change: str) -> None:
    form, media = delivered("7"), list(make("7").form.media)
    answers: Mapping[str, tuple[str, ...]] = instructed(form)
    if change == "missing":
        answers = {uid: response for uid, response in answers.items() if uid != "canary-essay-1"}
    else:
        answers = {**answers, "another": ("A",)}
    finding = judge(make("7"), "round-1", answers, map_digest(form, media))
    assert finding.differing == (("essay",) if change == "missing" else ("unknown",))
    assert not finding.good


def test_a_picture_with_other_bytes_is_another_map() -> None:
    form = delivered("7")
    assert not judge(make("7"), "round-1", instructed(form), map_digest(form, ["0" * 64])).same_map


@pytest.mark.parametrize("part", ["stem", "options", "gaps"])
def test_a_form_that_does_not_say_what_to_answer_is_unreadable(part: str) -> None:
    form = deepcopy(delivered("7"))
    for item in form["items"]:
        item[part] = "" if part == "stem" else []
    with pytest.raises(CanaryUnreadable):
        instructed(form)


def test_the_sealed_paper_is_a_package_like_any_other() -> None:
    private, public = new_signing_key()
    canary = make("7")
    sealed = seal_canary(canary, "canary-1", private)
    header = read_header(sealed.data, public)
    assert (header.forms, header.min_version) == ((FORM,), VERSION)
    content = open_section(sealed.data, f"paper/{FORM}", sealed.paper_key)
    assert found("7", shown(content, "round-1")).good
    with pytest.raises(PackageBroken):  # the key of the paper opens no marking key
        open_section(sealed.data, f"key/{FORM}", sealed.paper_key)
    with pytest.raises(PackageBroken):
        read_header(sealed.data, new_signing_key()[1])
    assert len(sealed.data) < 6000  # it travels inside the seat's state
    assert answer_key(sealed.paper_key) != sealed.paper_key
