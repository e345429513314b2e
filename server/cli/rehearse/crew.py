"""The staff of a rehearsal: accounts made for it, three custodians with keys, closed again afterwards."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from itembank.custody import new_custodian_key
from itembank.sealing import PassphraseParams
from server.access import SYSTEM, Actor, Role
from server.errors import Refused
from server.host import Host
from server.services import passwords, staff

CHEAP = PassphraseParams(memory_kib=1024, iterations=1)
"""The passphrases are random and live for minutes: nothing is won by making them slow to open."""
KEY_HOLDERS = (Role.CHIEF_INVIGILATOR, Role.CUSTODIAN, Role.ADMINISTRATOR)
TITLES = {
    Role.ADMINISTRATOR: "管理员",
    Role.BANK_KEEPER: "题库员",
    Role.CUSTODIAN: "保管人",
    Role.CHIEF_INVIGILATOR: "主考",
    Role.INVIGILATOR: "监考员",
    Role.ROVER: "流动监考",
    Role.SYSTEM_ADMINISTRATOR: "系统管理员",
    Role.SUPERVISOR: "督导员",
    Role.EXAMINER: "考评员",
    Role.SCORER: "统分人",
    Role.MARK_CHECKER: "核分人",
    Role.INSTITUTION_HEAD: "机构负责人",
    Role.AUDITOR: "审计员",
}


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """One account of the crew. `passphrase` opens the custodian key, empty for people without one."""

    actor: Actor
    role: Role
    username: str
    password: str
    passphrase: str = ""

    @property
    def user_id(self) -> int:
        """The account's id."""
        assert self.actor.user_id is not None
        return self.actor.user_id


@dataclass(frozen=True, slots=True)
class Crew:
    """Everybody who works in the rehearsal."""

    members: tuple[Member, ...]

    def one(self, role: Role) -> Member:
        """The first member with a role."""
        return next(member for member in self.members if member.role is role)

    def all(self, role: Role) -> tuple[Member, ...]:
        """Every member with a role."""
        return tuple(member for member in self.members if member.role is role)


@dataclass(frozen=True, slots=True)
class Names:
    """How accounts are called: `prefix` before user names, `title` before names of people."""

    prefix: str
    title: str
    password: str = ""
    """One password for all of them; empty: a random one each."""


def hire(host: Host, names: Names, *, invigilators: int) -> Crew:
    """Adds the crew's accounts and the custodians' keys."""
    wanted: list[Role] = [role for role in Role if role is not Role.INVIGILATOR]
    wanted += [Role.INVIGILATOR] * invigilators
    return Crew(tuple(_member(host, names, role, number) for role, number in _numbered(wanted)))


def hire_more(host: Host, crew: Crew, names: Names, role: Role, count: int) -> Crew:
    """The crew with so many further members of a role, numbered on."""
    first = len(crew.all(role)) + 1
    numbers = range(first, first + count)
    return Crew((*crew.members, *(_member(host, names, role, number) for number in numbers)))


def hire_beside(host: Host, crew: Crew, names: Names, *, invigilators: int) -> Crew:
    """The crew for a further room of its sitting, with invigilators of that room's own."""
    others = tuple(member for member in crew.members if member.role is not Role.INVIGILATOR)
    return hire_more(host, Crew(others), names, Role.INVIGILATOR, invigilators)


def dismiss(host: Host, crew: Crew) -> None:
    """Closes the accounts and forgets their keys: the site's first holders are still to come.

    On a server without another administrator that account stays, under an unknown password.
    """
    for member in crew.members:
        host.db.write(staff.drop_key, member.user_id, now=host.now())
        try:
            host.db.write(staff.set_active, SYSTEM, member.user_id, False, now=host.now())
        except Refused:
            unknown = passwords.hash_password(secrets.token_urlsafe(24))
            host.db.write(staff.reset_password, SYSTEM, member.user_id, unknown, now=host.now())


def _numbered(roles: Iterable[Role]) -> list[tuple[Role, int]]:
    seen: dict[Role, int] = {}
    numbered = []
    for role in roles:
        seen[role] = seen.get(role, 0) + 1
        numbered.append((role, seen[role]))
    return numbered


def _member(host: Host, names: Names, role: Role, number: int) -> Member:
    mark = str(number) if role is Role.INVIGILATOR or number > 1 else ""
    username = f"{names.prefix}{_SHORT[role]}{mark}"
    password = names.password or secrets.token_urlsafe(12)
    new = staff.NewPerson(
        username, f"{names.title}{TITLES[role]}{mark}", passwords.hash_password(password), frozenset({role})
    )
    user_id = host.db.write(staff.add_person, SYSTEM, new, now=host.now())
    actor = Actor(user_id, new.name, new.roles)
    if role not in KEY_HOLDERS:
        return Member(actor, role, username, password)
    passphrase = f"{names.password}-key" if names.password else secrets.token_urlsafe(12)
    host.db.write(staff.store_key, actor, new_custodian_key(passphrase, CHEAP), now=host.now())
    return Member(actor, role, username, password, passphrase)


_SHORT = {
    Role.ADMINISTRATOR: "admin",
    Role.BANK_KEEPER: "bank",
    Role.CUSTODIAN: "custodian",
    Role.CHIEF_INVIGILATOR: "chief",
    Role.INVIGILATOR: "invigilator",
    Role.ROVER: "rover",
    Role.SYSTEM_ADMINISTRATOR: "sysadmin",
    Role.SUPERVISOR: "supervisor",
    Role.EXAMINER: "examiner",
    Role.SCORER: "scorer",
    Role.MARK_CHECKER: "checker",
    Role.INSTITUTION_HEAD: "head",
    Role.AUDITOR: "auditor",
}
