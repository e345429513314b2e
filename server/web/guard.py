"""The door: who asks, may they, and in which words they are refused (design D14).

Every endpoint declares its permission with `requires`, or authenticates an agent with
`agent_authenticated`, or stands in `access.PUBLIC`; any other is refused (fail closed).
"""

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from flask import current_app, g, request
from flask_babel import gettext
from flask_login import current_user

from server.access import PUBLIC, Actor, Permission
from server.errors import Forbidden, Refused, fill, sentence
from server.host import Host
from server.services import passwords, staff
from server.services.signed import Signed

P = ParamSpec("P")
T = TypeVar("T")
HOST_KEY = "examhall"


class SignInNeeded(Refused):
    """Nobody is signed in."""

    def __init__(self) -> None:
        super().__init__("sign_in_needed", 401)


def current_host() -> Host:
    """The host of the running application."""
    return cast("Host", current_app.extensions[HOST_KEY])


def requires(permission: Permission) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Declares what a view needs; put it below the route decorator. `check_access` enforces it."""

    def declare(view: Callable[P, T]) -> Callable[P, T]:
        cast("Any", view).permission = permission
        return view

    return declare


def agent_authenticated(authenticate: Callable[[], object]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Makes a decorator for agents' views: `authenticate()` runs first and raises `Refused` for strangers."""

    def decorate(view: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            authenticate()
            return view(*args, **kwargs)

        cast("Any", guarded).for_agents = True
        return guarded

    return decorate


def declared(view: Callable[..., object]) -> Permission | str | None:
    """What a view declared: a permission, "agent", or nothing."""
    if getattr(view, "for_agents", False):
        return "agent"
    return cast("Permission | None", getattr(view, "permission", None))


def check_access() -> None:
    """Before every request: lets in whom the endpoint's declaration allows."""
    if request.endpoint is None or request.endpoint in PUBLIC:
        return
    need = declared(current_app.view_functions[request.endpoint])
    if need == "agent":
        return
    if need is None:
        raise Forbidden(request.endpoint)
    if not actor().can(Permission(need)):
        raise Forbidden(need)


def actor() -> Actor:
    """The signed-in person of this request; raises `SignInNeeded`."""
    if "actor" not in g:
        if not current_user.is_authenticated:
            raise SignInNeeded
        g.actor = current_user.actor
    return cast("Actor", g.actor)


def actor_or_none() -> Actor | None:
    """The signed-in person, if any."""
    return actor() if current_user.is_authenticated else None


def may(permission: str) -> bool:
    """For templates: whether the signed-in person holds a permission."""
    who = actor_or_none()
    return who is not None and who.can(Permission(permission))


def check_credentials(username: str, password: str, *, field: str) -> staff.Account:
    """The active account that these credentials belong to; slow work in a native thread, tries counted.

    Raises `Refused` (`wrong_credentials`, `too_many_tries`, `server_busy`) for the form's `field`.
    """
    # What no account can have is refused before it costs work or memory.
    if len(username.strip()) > staff.USERNAME_LONGEST or len(password) > passwords.LONGEST:
        raise Refused("wrong_credentials", 422, field=field)
    host, name, moment = current_host(), staff.tidy_username(username), time.monotonic()
    address = str(request.remote_addr)
    key = f"{name}|{address}"
    with host.checks.one(field=field):
        _begin_try(key, address, moment, field)
        with host.db.read() as session:
            account = staff.find_account(session, name)
        stored = account.password if account is not None and account.active else None
        right = host.native.call(passwords.matches, stored, password)
    if not right or account is None:
        if host.tries.closes(key, moment) or host.addresses.closes(address, moment):
            host.db.write(staff.note_closed_door, name, address, now=host.now())
        raise Refused("wrong_credentials", 422, field=field)
    host.tries.succeeded(key)
    host.addresses.take_back(address, moment)
    return account


def _begin_try(key: str, address: str, moment: float, field: str) -> None:
    """Counts a try before its password is checked. Raises `Refused` when the account or the address waits."""
    host = current_host()
    wait = host.tries.begin(key, moment)
    if wait == 0:
        wait = host.addresses.begin(address, moment)
        if wait > 0:
            host.tries.take_back(key, moment)
    if wait > 0:
        raise Refused("too_many_tries", 429, field=field, minutes=int(wait // 60) + 1)


def cosigner(form: Mapping[str, str], *permissions: Permission) -> Actor:
    """The second person of an act: `cosign_username` and `cosign_password` of a form are checked.

    Must be somebody else than the one who is signed in and hold one of the permissions, `COSIGN` when none
    is named; the session stays.
    """
    username, password = form.get("cosign_username", ""), form.get("cosign_password", "")
    if not username or not password:
        raise Refused("cosign_missing", 422, field="cosign_username")
    second = check_credentials(username, password, field="cosign_username").actor
    if second.user_id == actor().user_id:
        raise Refused("cosign_same_person", 422, field="cosign_username")
    if not any(map(second.can, permissions or (Permission.COSIGN,))):
        raise Refused("cosign_not_allowed", 422, field="cosign_username", name=second.name)
    return second


def witnessed(*permissions: Permission) -> Signed:
    """The signed-in person with the second one that a form on trusted people names, if it names one.

    The second one holds one of the permissions, `HOLD_KEY` when none is named.
    """
    if not request.form.get("cosign_username"):
        return Signed(actor())
    return Signed(actor(), cosigner=cosigner(request.form, *(permissions or (Permission.HOLD_KEY,))))


def say(code: str, params: Mapping[str, object] | None = None) -> str:
    """The sentence of a code in the reader's language; a missing parameter shows as its name."""
    return fill(gettext(sentence(code)), params or {})
