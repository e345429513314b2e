"""Item texts on staff pages: plain ones escaped, HTML cleaned again, gaps drawn, media by their routes."""

import re
from collections.abc import Callable

from flask import Blueprint
from markupsafe import Markup, escape

from itembank import richtext
from itembank.items import ItemBody
from itembank.items import Markup as Written

bp = Blueprint("bodies", __name__)
_MEDIUM = re.compile(r"media:([0-9a-f]{64})")
_GAP = re.compile(r"\[\[([0-9]{1,2})\]\]")

MediumUrl = Callable[[str], str]


@bp.app_template_global("rich_text")
def rich_text(text: str, body: ItemBody, medium_url: MediumUrl | None = None) -> Markup:
    """One text of `body` for a page. `medium_url(sha256)` gives the address of its pictures and sounds.

    Nothing but the safe subset comes through, whatever lies in the bank: it is cleaned here once more.
    """
    if body.markup is Written.HTML:
        shown = richtext.clean(text)
        if medium_url is not None:
            shown = _MEDIUM.sub(lambda found: str(escape(medium_url(found[1]))), shown)
    else:
        shown = richtext.from_plain(text)
    return Markup(_GAP.sub(r'<span class="gap">\1</span>', shown))  # noqa: S704 - cleaned above
