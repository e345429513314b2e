"""The candidate's page as a drill plays it: one request, and an honest word about what came of it."""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CALL_SECONDS = 15.0


class PageGone(Exception):
    """No reply: nobody knows what became of the request."""


class PageSaid(Exception):
    """The agent said no; `code` is its reason."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Page:
    """One page; it is opened anew when its connection or its token is gone. Not for several threads."""

    def __init__(self, launch_file: Path) -> None:
        self._file = launch_file
        self._connection: http.client.HTTPConnection | None = None
        self._token = ""

    def call(self, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - plain JSON
        """A reply's JSON. Raises `PageGone` or `PageSaid`; nothing is repeated."""
        try:
            if self._connection is None:
                self._launch()
            return self._exchange(path, body)
        except (OSError, ValueError, http.client.HTTPException) as fault:
            self.close()
            raise PageGone from fault
        except PageSaid as said:
            if said.status in (401, 403):
                self.close()
            raise

    def close(self) -> None:
        """The browser is gone; the next call opens another page."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _launch(self) -> None:
        parts = urlsplit(self._file.read_text().strip())
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=CALL_SECONDS)
        self._token = ""
        nonce = parts.fragment.removeprefix("launch=")
        self._token = str(self._exchange("/api/launch", {"nonce": nonce})["token"])

    def _exchange(self, path: str, body: Mapping[str, object] | None) -> Any:  # noqa: ANN401
        connection = self._connection
        assert connection is not None
        headers = {"X-Kiosk-Token": self._token} if self._token else {}
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection.request("GET" if data is None else "POST", path, data, headers)
        reply = connection.getresponse()
        content = json.loads(reply.read() or b"{}")
        if reply.status != 200:
            raise PageSaid(reply.status, str(content.get("code")))
        return content
