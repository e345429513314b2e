"""What a page's server answers."""

from typing import Any

from tests.client.conftest import PageClient

HOSTILE = "绝密"


def get(page: PageClient, path: str, **headers: str) -> tuple[int, bytes, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return page.raw("GET", path, None, {**page.headers, **named})
