"""The people who work with the system: accounts, roles, initial passwords, custodians' keys."""

import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import SYSTEM, Actor, Permission, Role
from server.db.base import emit
from server.db.people import CustodianKey, User, UserRole
from server.errors import Forbidden, NotFound, Refused
from server.events import AccountChanged
from server.services import audit
from server.services.custody import holds_keys, need_reader_witness, need_witness, reads_items
from server.services.signed import Signed, as_signed

USERNAME_LONGEST = 32
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
NAME_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Account:
    """What signing in needs to know of a person. `password` is the stored hash, None for an unknown one."""

    id: int
    username: str
    name: str
    password: str
    active: bool
    fs_uniquifier: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class Person:
    """One member of staff for a list."""

    id: int
    username: str
    name: str
    active: bool
    roles: tuple[Role, ...]
    has_key: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to add; `password` is already hashed."""

    username: str
    name: str
    password: str
    roles: frozenset[Role]


def tidy_username(text: str) -> str:
    """The one spelling under which an account is stored and found; NUL, which no store takes, is dropped."""
    return unicodedata.normalize("NFKC", text).replace("\0", "").strip().lower()


def find_account(session: Session, username: str) -> Account | None:
    """The account of a user name in its tidy spelling."""
    user = session.scalars(select(User).where(User.username == username)).first()
    return _account(user) if user is not None else None


def accounts_of_sessions(session: Session, uniquifiers: Collection[str]) -> dict[str, Account]:
    """The accounts that sessions belong to; those of none are left out."""
    users = session.scalars(select(User).where(User.fs_uniquifier.in_(uniquifiers)))
    return {user.fs_uniquifier: _account(user) for user in users}


def people(session: Session) -> list[Person]:
    """All staff, active ones first, by user name."""
    keys = set(session.scalars(select(CustodianKey.user_id)))
    rows = session.scalars(select(User).order_by(User.active.desc(), User.username))
    return [_person(user, keys) for user in rows]


def person(session: Session, user_id: int) -> Person:
    """One member of staff, or `NotFound`."""
    return _person(_user(session, user_id), set(session.scalars(select(CustodianKey.user_id))))


def add_person(session: Session, who: Actor | Signed, new: NewPerson, *, now: datetime) -> int:
    """Adds a person and returns the account's id. Raises `Refused` naming the field.

    A role that may hold a key or opens items needs a witness (`custody`), here and below.
    """
    _need(who)
    username, name = tidy_username(new.username), new.name.strip()
    if not _USERNAME.fullmatch(username):
        raise Refused("username_form", 422, field="username")
    if not 1 <= len(name) <= NAME_LONGEST:
        raise Refused("person_name_missing", 422, field="name")
    if find_account(session, username) is not None:
        raise Refused("username_taken", 422, field="username", username=username)
    roles = _some(new.roles)
    _need_second(session, who, roles)
    user = User(
        username=username,
        email=username,
        name=name,
        password=new.password,
        fs_uniquifier=secrets.token_hex(16),
        created_at=now,
        role_rows=[UserRole(role=role) for role in roles],
    )
    session.add(user)
    session.flush()
    _audit(session, who, "person_added", user, now=now, roles=new.roles)
    return user.id


def set_roles(
    session: Session, who: Actor | Signed, user_id: int, roles: frozenset[Role], *, now: datetime
) -> None:
    """Replaces a person's roles; the last active administrator stays one."""
    _need(who)
    user = _user(session, user_id)
    if Role.ADMINISTRATOR not in roles:
        _keep_an_administrator(session, user)
    wanted = _some(roles)
    _need_second(session, who, set(wanted) - _roles_of(user))
    user.role_rows = [UserRole(user_id=user.id, role=role) for role in wanted]
    emit(session, AccountChanged(user.id))
    _audit(session, who, "roles_set", user, now=now, roles=roles)


def set_active(session: Session, who: Actor | Signed, user_id: int, active: bool, *, now: datetime) -> None:
    """Closes or reopens an account; a closed one's sessions end at once."""
    _need(who)
    user = _user(session, user_id)
    if user.id == as_signed(who).actor.user_id:
        raise Refused("own_account", 409)
    if active:
        _need_second(session, who, _roles_of(user))
    if not active:
        _keep_an_administrator(session, user)
        user.fs_uniquifier = secrets.token_hex(16)
    user.active = active
    emit(session, AccountChanged(user.id))
    _audit(session, who, "account_opened" if active else "account_closed", user, now=now)


def reset_password(
    session: Session, who: Actor | Signed, user_id: int, hashed: str, *, now: datetime
) -> None:
    """Sets another initial password; the person's sessions end."""
    _need(who)
    user = _user(session, user_id)
    _need_second(session, who, _roles_of(user))
    user.password, user.fs_uniquifier = hashed, secrets.token_hex(16)
    emit(session, AccountChanged(user.id))
    _audit(session, who, "password_reset", user, now=now)


def change_password(session: Session, actor: Actor, hashed: str, *, now: datetime) -> str:
    """A person's own new password; returns the new session mark, so that this session goes on."""
    user = _user(session, actor.user_id or 0)
    user.password, user.fs_uniquifier = hashed, secrets.token_hex(16)
    emit(session, AccountChanged(user.id))
    _audit(session, actor, "password_changed", user, now=now)
    return user.fs_uniquifier


def own_key(session: Session, actor: Actor) -> datetime | None:
    """When the person's custodian key was made; None without one."""
    row = session.get(CustodianKey, actor.user_id or 0)
    return row.created_at if row is not None else None


def store_key(session: Session, actor: Actor, key: tuple[bytes, bytes], *, now: datetime) -> None:
    """Keeps a custodian's (public key, private key sealed under the person's passphrase).

    A new key replaces the old one; packages sealed for the old one need it no longer opened by this person.
    """
    if not actor.can(Permission.HOLD_KEY):
        raise Forbidden(Permission.HOLD_KEY)
    user = _user(session, actor.user_id or 0)
    row = session.get(CustodianKey, user.id) or CustodianKey(user_id=user.id)
    row.public_key, row.sealed_private, row.created_at = *key, now
    session.add(row)
    _audit(session, actor, "custodian_key_made", user, now=now)


def drop_key(session: Session, user_id: int, *, now: datetime) -> None:
    """The server forgets the key of somebody who was made for a rehearsal: nobody opens anything with it."""
    row = session.get(CustodianKey, user_id)
    if row is not None:
        session.delete(row)
        _audit(session, SYSTEM, "custodian_key_dropped", _user(session, user_id), now=now)


def sealed_custodian_key(session: Session, user_id: int | None) -> bytes | None:
    """A custodian's private key as it rests, sealed under the person's passphrase."""
    row = session.get(CustodianKey, user_id or 0)
    return row.sealed_private if row is not None else None


def names(session: Session, user_ids: Iterable[int | None]) -> dict[int, str]:
    """The names of these people by id."""
    wanted = [user_id for user_id in user_ids if user_id is not None]
    if not wanted:
        return {}
    return {user.id: user.name for user in session.scalars(select(User).where(User.id.in_(wanted)))}


def note_sign_in(session: Session, actor: Actor, act: str, *, now: datetime) -> None:
    """Records that a person signed in or out."""
    audit.record(session, audit.SYSTEM_STREAM, actor, act, f"user/{actor.user_id}", now=now)


def sign_out(session: Session, actor: Actor, *, now: datetime) -> None:
    """Ends all of a person's sessions: who signs out means every copy of the cookie as well."""
    user = _user(session, actor.user_id or 0)
    user.fs_uniquifier = secrets.token_hex(16)
    emit(session, AccountChanged(user.id))
    note_sign_in(session, actor, "staff_signed_out", now=now)


def note_closed_door(session: Session, username: str, address: str, *, now: datetime) -> None:
    """Records that an account at an address must wait after too many failed tries."""
    known = find_account(session, username)
    name = f"user/{known.id}" if known else "unknown user"
    audit.record(session, audit.SYSTEM_STREAM, SYSTEM, "sign_in_blocked", name, now=now, address=address)


def _need(who: Actor | Signed) -> None:
    actor = as_signed(who).actor
    if actor is not SYSTEM and not actor.can(Permission.MANAGE_STAFF):
        raise Forbidden(Permission.MANAGE_STAFF)


def _need_second(session: Session, who: Actor | Signed, roles: Iterable[str]) -> None:
    roles = set(roles)
    if holds_keys(roles):
        need_witness(session, as_signed(who))
    if reads_items(roles):
        need_reader_witness(session, as_signed(who))


def _some(roles: Iterable[Role]) -> list[Role]:
    chosen = sorted(set(roles))
    if not chosen:
        raise Refused("role_missing", 422, field="roles")
    return chosen


def _keep_an_administrator(session: Session, user: User) -> None:
    others = select(User.id).join(UserRole).where(UserRole.role == Role.ADMINISTRATOR, User.active.is_(True))
    if Role.ADMINISTRATOR in _roles_of(user) and set(session.scalars(others)) <= {user.id}:
        raise Refused("last_administrator", 409, name=user.name)


def _roles_of(user: User) -> set[str]:
    return {row.role for row in user.role_rows}


def _user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("user")
    return user


def _audit(
    session: Session, who: Actor | Signed, act: str, user: User, *, now: datetime, **details: object
) -> None:
    signed, object_ = as_signed(who), f"user/{user.username}"
    details |= signed.why()
    audit.record(session, audit.SYSTEM_STREAM, signed.actor, act, object_, now=now, **details)


def _account(user: User) -> Account:
    return Account(
        user.id, user.username, user.name, user.password, user.active, user.fs_uniquifier, user.actor()
    )


def _person(user: User, keys: set[int]) -> Person:
    roles = tuple(role for role in Role if role in _roles_of(user))
    return Person(user.id, user.username, user.name, user.active, roles, user.id in keys, user.created_at)
