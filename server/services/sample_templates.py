"""The templates that come with the product, written for it and marked 示例: to look at, to start from."""

import json
from functools import cache
from importlib.resources import files

from itembank.sheet_template import Template

FILES = {"practical": "template_baowei_3_practical.json", "review": "template_baowei_review.json"}
"""One for each component that a panel assesses."""


@cache
def sample(component: str) -> Template:
    """The sample of a component. KeyError for a component that has none."""
    text = (files("server") / "samples" / FILES[component]).read_text(encoding="utf-8")
    return Template.from_json(json.loads(text))
