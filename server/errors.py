"""Refusals of the domain and the one table of their sentences (Chinese source text, `N_` marks it).

The core and the services know codes and parameters only; web, sockets and command line turn them into
words through `MESSAGES` and the catalogue.
"""

from collections.abc import Mapping

from server.messages import MESSAGES


class Refused(Exception):
    """An act that the rules do not allow now. `status` is the HTTP status of the answer."""

    def __init__(self, code: str, status: int = 409, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.params: dict[str, str] = {name: str(value) for name, value in params.items()}


class NotFound(Refused):
    """There is no such thing, or not for this person."""

    def __init__(self, thing: str) -> None:
        super().__init__("not_found", 404, thing=thing)


class Forbidden(Refused):
    """The actor lacks the permission."""

    def __init__(self, permission: str = "") -> None:
        super().__init__("forbidden", 403, permission=permission)


def sentence(code: str) -> str:
    """The Chinese template of a code; an unknown code shows itself rather than nothing."""
    return MESSAGES.get(code, code)


def fill(template: str, params: Mapping[str, object]) -> str:
    """A template with its parameters; a missing one shows as its name rather than failing."""
    return template % _Lenient(params)


class _Lenient(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"
