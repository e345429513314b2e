"""Pictures into the texts of an item that comes from a table."""

from collections.abc import Callable
from dataclasses import replace

from itembank import richtext
from itembank.importing.drafts import Draft
from itembank.importing.gallery import MARK, Gallery
from itembank.importing.media import MediaBox
from itembank.items import ItemBody, Markup, Medium, Option
from itembank.problems import Problem


def illustrated(draft: Draft, keys: tuple[str, ...], gallery: Gallery, box: MediaBox) -> Draft:
    """The draft with its pictures in its texts, as HTML; one that is not taken is a fault of the item."""
    taken: list[Medium] = []
    faults: list[Problem] = []
    for key in keys:
        medium = box.add(gallery.read(key), draft.place)
        if isinstance(medium, Problem):
            faults.append(medium)
        else:
            taken.append(medium)
    if faults:
        return replace(draft, faults=(*draft.faults, *faults))
    return replace(draft, body=_with_pictures(draft.body, taken))


def _with_pictures(body: ItemBody, media: list[Medium]) -> ItemBody:
    def html(text: str) -> str:
        return MARK.sub(lambda found: _image(media, int(found[1])), richtext.from_plain(text))

    return replace(
        body,
        markup=Markup.HTML,
        stem=html(body.stem),
        explanation=html(body.explanation),
        options=_options(body.options, html),
        criteria=tuple(replace(each, text=html(each.text)) for each in body.criteria),
        media=tuple(dict.fromkeys(media)),
    )


def _options(options: tuple[Option, ...], html: Callable[[str], str]) -> tuple[Option, ...]:
    return tuple(replace(option, text=html(option.text)) for option in options)


def _image(media: list[Medium], number: int) -> str:
    return f'<img src="media:{media[number].sha256}" alt="">' if number < len(media) else ""
