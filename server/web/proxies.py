"""Behind a proxy the caller's address is what the proxy says, if the proxy is one that the settings name.

Nothing else of what a proxy may claim is believed: the scheme is always the one this server speaks.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_SAID = "HTTP_X_FORWARDED_FOR"


class BehindProxies:
    """Puts the caller's own address into the environment of requests that come through a known proxy."""

    def __init__(self, inner: Application, proxies: Iterable[str]) -> None:
        self._inner = inner
        self._proxies = frozenset(proxies)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The request with its true caller."""
        if environ.get("REMOTE_ADDR") in self._proxies:
            environ["REMOTE_ADDR"] = self._caller(environ)
        return self._inner(environ, start)

    def _caller(self, environ: dict[str, Any]) -> str:
        """The last address on the way that is no proxy of ours; what stands before it anybody may write."""
        nearest = str(environ["REMOTE_ADDR"])
        for part in reversed(str(environ.get(_SAID, "")).split(",")):
            address = part.strip()
            if not _is_address(address):
                return nearest
            nearest = address
            if address not in self._proxies:
                return address
        return nearest


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
