"""Cases: questions that share a material become the parts of one item, when that is clear.

Two forms: 根据以下材料，回答 41～43 题 with numbered questions behind it, and a question of a section of
cases whose own text holds (1), (2) … with their answers. Anything less clear stays one question for
examiners.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from itembank.importing import template_lines as lines_of
from itembank.importing.drafts import Draft, Found, Rejected
from itembank.importing.rich_text import Fragments
from itembank.importing.template_answers import listed
from itembank.importing.template_blocks import Block, Role, read_blocks
from itembank.importing.template_items import Parts, body_of, joined, sectioned_as_case
from itembank.items import ItemKind, Part
from itembank.problems import Problem

DraftOf = Callable[[Block], Found]


def with_cases(blocks: Sequence[Block], draft_of: DraftOf, fragments: Fragments) -> Iterator[Found]:
    """Everything found in `blocks`, cases put together."""
    at = 0
    while at < len(blocks):
        block = blocks[at]
        at += 1
        if block.span:
            members = _members(blocks, at, block.span)
            yield _case(block, block.text(Role.BODY), [draft_of(each) for each in members], fragments)
            at += len(members)
        elif sectioned_as_case(block):
            yield _own_parts(block, draft_of, fragments) or draft_of(block)
        else:
            yield draft_of(block)


def _members(blocks: Sequence[Block], at: int, span: tuple[int, int]) -> Sequence[Block]:
    end = at
    while end < len(blocks) and blocks[end].number in range(span[0], span[1] + 1) and not blocks[end].span:
        end += 1
    return blocks[at:end]


def _own_parts(block: Block, draft_of: DraftOf, fragments: Fragments) -> Found | None:
    """The case within one block; None when its questions and answers are not clear."""
    first = next((at for at, each in enumerate(block.lines) if _opens_parts(each)), 0)
    if not first:
        return None
    inner = read_blocks(block.lines[first:])
    asked = [each for each in inner.blocks if each.number is not None]
    if [each.number for each in asked] != list(range(1, len(asked) + 1)) or len(asked) != len(inner.blocks):
        return None
    if len(asked) > 1 and not any(each.answered for each in asked[:-1]):
        _share(asked)
    found = [draft_of(each) for each in asked]
    if any(not isinstance(each, Draft) or each.faults for each in found):
        return None
    return _case(block, "\n".join(each.text for each in block.lines[:first]), found, fragments)


def _opens_parts(piece: lines_of.Line) -> bool:
    number = lines_of.number_of(piece)
    return number is not None and number.value == 1 and number.style in ("paren", "half", "word")


def _share(asked: Sequence[Block]) -> None:
    """One answer at the end that counts (1), (2) … like the questions is handed out to them."""
    texts = listed(asked[-1].text(Role.ANSWER))
    if len(texts) == len(asked):
        for block, text in zip(asked, texts, strict=True):
            block.texts[Role.ANSWER] = [text]


def _case(block: Block, material: str, found: Sequence[Found], fragments: Fragments) -> Draft:
    drafts = [each for each in found if isinstance(each, Draft)]
    problems = [each.problem for each in found if isinstance(each, Rejected)]
    faults = [*problems, *(fault for draft in drafts for fault in draft.faults)]
    body, lost = body_of(Parts(ItemKind.CASE, joined(material)), "", fragments)
    parts = tuple(Part(str(at), draft.kind, draft.body) for at, draft in enumerate(drafts, start=1))
    return Draft(
        block.place,
        ItemKind.CASE,
        replace(body, parts=parts),
        path=block.path,
        faults=(*faults, *(Problem(fault.code, block.place, fault.params) for fault in lost)),
        warnings=tuple(warning for draft in drafts for warning in draft.warnings),
    )
