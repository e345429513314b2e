"""The child's part of adding one picture or sound: recognised by content, pictures drawn anew."""

from collections.abc import Callable
from typing import Any

from itembank.importing.media import MediaBox
from itembank.problems import Problem
from server.errors import Refused


def read_medium(payload: dict[str, Any], _report: Callable[..., None]) -> dict[str, Any]:
    """`data` -> `data` as it is kept, with `sha256`, `mime`, `width` and `height`. Refuses with media_*."""
    box = MediaBox()
    made = box.add(payload["data"], "")
    if isinstance(made, Problem):
        raise Refused(made.code, 422, field="file")
    shape = {"sha256": made.sha256, "mime": made.mime, "width": made.width, "height": made.height}
    return {**shape, "data": box.files[made.sha256].data}
