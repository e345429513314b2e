"""Who acts at the command line: whoever unlocked the master key, or a member of staff by password."""

import os
import pwd

import click

from server.access import Actor, Permission, Role
from server.cli.words import _
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import passwords, staff


def at_the_console() -> Actor:
    """The operating system's account, acting as an administrator: it could read the key already."""
    name = pwd.getpwuid(os.getuid()).pw_name
    return Actor(None, f"console/{name}", frozenset({Role.ADMINISTRATOR}))


def signed_in(host: Host, username: str, permission: Permission, word: str | None = None) -> Actor:
    """A member of staff whose password was given, or is asked for. Raises `Refused`, `Forbidden`."""
    name = staff.tidy_username(username)
    if word is None:
        word = str(click.prompt(_("%(username)s 的密码", username=name), hide_input=True, err=True))
    with host.db.read() as session:
        account = staff.find_account(session, name)
    stored = account.password if account is not None and account.active else None
    if not passwords.matches(stored, word) or account is None:
        raise Refused("wrong_credentials", 422, field="username")
    if not account.actor.can(permission):
        raise Forbidden(permission)
    return account.actor
