"""Nobody alone makes holders of custodian keys once there is one: the co-signature of another holder."""

import secrets
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from server.access import SYSTEM, Actor, Role
from server.db.papers import Package, PackageCustodian
from server.errors import Refused
from server.host import Host
from server.services import audit, custody, package_sealing, packages, staff
from server.services.custody import KEY_ROLES, READ_ROLES
from server.services.signed import Signed
from tests.server import preparing
from tests.server.preparing import give_keys

PLAIN = [role for role in Role if role not in (*KEY_ROLES, *READ_ROLES)]


@pytest.fixture
def admin(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator", username="admin")


@pytest.fixture
def holder(host: Host, person_as: Callable[..., Actor]) -> Actor:
    """A chief with a key."""
    who = person_as("chief_invigilator", username="chief")
    give_keys(host, who)
    return who


def added(host: Host, who: Actor | Signed, role: Role, username: str = "newone") -> int:
    new = staff.NewPerson(username, username, "hash", frozenset({role}))
    return host.db.write(staff.add_person, who, new, now=host.now())


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


def acts_on(host: Host, who: Signed, target: Actor) -> list[Callable[[], object]]:
    """Everything that can turn an account into somebody else's key holder."""
    now = host.now()
    more = target.roles | {role for role in KEY_ROLES if role not in target.roles}
    return [
        lambda: added(host, who, Role.CUSTODIAN),
        lambda: host.db.write(staff.set_roles, who, target.user_id, frozenset(more), now=now),
        lambda: host.db.write(staff.reset_password, who, target.user_id, "hash", now=now),
        lambda: host.db.write(staff.set_active, who, target.user_id, True, now=now),
    ]


@pytest.mark.both_stores
def test_the_first_holders_need_nobody(host: Host, admin: Actor) -> None:
    chief = added(host, admin, Role.CHIEF_INVIGILATOR, "chief")
    added(host, admin, Role.CUSTODIAN, "custodian")
    host.db.write(staff.reset_password, admin, chief, "hash", now=host.now())
    give_keys(host, admin)  # the own key is no second person
    added(host, admin, Role.CUSTODIAN, "third")


@pytest.mark.both_stores
def test_with_a_holder_nobody_does_it_alone(
    host: Host, admin: Actor, holder: Actor, person_as: Callable[..., Actor]
) -> None:
    target = person_as("custodian")
    for act in acts_on(host, Signed(admin), target):
        assert refused(act) == "key_witness_missing"
    with host.db.read() as session:
        assert staff.find_account(session, "newone") is None
    for act in acts_on(host, Signed(admin, cosigner=holder), target):
        act()
    with host.db.read() as session:
        lines = audit.page(session, stream=audit.SYSTEM_STREAM)[:4]
    assert [line.act for line in lines] == ["account_opened", "password_reset", "roles_set", "person_added"]
    assert all(line.details["cosigned_by"] == holder.name for line in lines)


@pytest.mark.parametrize("role", KEY_ROLES)
def test_every_role_that_may_hold_a_key_is_meant(
    host: Host, admin: Actor, holder: Actor, person_as: Callable[..., Actor], role: Role
) -> None:
    assert refused(lambda: added(host, admin, role)) == "key_witness_missing"
    plain = person_as("invigilator")
    roles = frozenset({Role.INVIGILATOR, role})
    change = lambda: host.db.write(  # noqa: E731
        staff.set_roles, admin, plain.user_id, roles, now=host.now()
    )
    assert refused(change) == "key_witness_missing"


@pytest.mark.parametrize("role", PLAIN)
def test_other_roles_are_the_administrators_own_business(
    host: Host, admin: Actor, holder: Actor, role: Role
) -> None:
    person = added(host, admin, role)
    host.db.write(staff.reset_password, admin, person, "hash", now=host.now())
    host.db.write(staff.set_active, admin, person, False, now=host.now())
    host.db.write(staff.set_active, admin, person, True, now=host.now())
    host.db.write(staff.set_roles, admin, person, frozenset({Role.AUDITOR}), now=host.now())


def reading(host: Host, who: Actor | Signed, target: Actor) -> list[Callable[[], object]]:
    """Everything that can turn an account into somebody else's reader of items."""
    now, keeper = host.now(), frozenset({Role.BANK_KEEPER})
    plain = added(host, SYSTEM, Role.AUDITOR, f"plain{secrets.token_hex(4)}")
    return [
        lambda: added(host, who, Role.BANK_KEEPER),
        lambda: host.db.write(staff.set_roles, who, plain, keeper, now=now),
        lambda: host.db.write(staff.reset_password, who, target.user_id, "hash", now=now),
        lambda: host.db.write(staff.set_active, who, target.user_id, True, now=now),
    ]


@pytest.mark.both_stores
def test_with_a_reader_nobody_makes_another_alone(
    host: Host, admin: Actor, person_as: Callable[..., Actor]
) -> None:
    first = added(host, admin, Role.BANK_KEEPER, "first")  # the first reader needs nobody
    keeper = Actor(first, "first", frozenset({Role.BANK_KEEPER}))
    with host.db.read() as session:
        assert not custody.witness_needed(session, admin.user_id)
    for act in reading(host, admin, keeper):
        assert refused(act) == "reader_witness_missing"
    own = frozenset({Role.ADMINISTRATOR, Role.BANK_KEEPER})
    assert refused(lambda: host.db.write(staff.set_roles, admin, admin.user_id, own, now=host.now()))
    for second, code in ((admin, "cosign_same_person"), (person_as("auditor"), "reader_witness_unfit")):
        for act in reading(host, Signed(admin, cosigner=second), keeper):
            assert refused(act) == code
    for act in reading(host, Signed(admin, cosigner=keeper), keeper):
        act()


def test_a_key_holder_witnesses_a_reader_and_a_reader_no_key_holder(
    host: Host, admin: Actor, holder: Actor, person_as: Callable[..., Actor]
) -> None:
    assert refused(lambda: added(host, admin, Role.BANK_KEEPER)) == "reader_witness_missing"
    first = added(host, Signed(admin, cosigner=holder), Role.BANK_KEEPER)
    keeper = Actor(first, "newone", frozenset({Role.BANK_KEEPER}))
    signed = Signed(admin, cosigner=keeper)
    assert refused(lambda: added(host, signed, Role.CUSTODIAN, "other")) == "key_witness_unfit"
    host.db.write(staff.set_active, admin, holder.user_id, False, now=host.now())
    host.db.write(staff.set_active, admin, first, False, now=host.now())
    assert refused(lambda: added(host, admin, Role.BANK_KEEPER, "third")) == "reader_witness_nobody"
    added(host, SYSTEM, Role.BANK_KEEPER, "third")  # at the server


def test_roles_may_be_taken_and_accounts_closed_at_once(host: Host, admin: Actor, holder: Actor) -> None:
    host.db.write(staff.set_active, admin, holder.user_id, False, now=host.now())
    host.db.write(staff.set_roles, admin, holder.user_id, frozenset({Role.AUDITOR}), now=host.now())


def test_who_may_not_witness(
    host: Host, admin: Actor, holder: Actor, person_as: Callable[..., Actor]
) -> None:
    bare, closed, former = (person_as("custodian") for _ in range(3))
    give_keys(host, admin, closed, former)
    host.db.write(staff.set_active, SYSTEM, closed.user_id, False, now=host.now())
    host.db.write(staff.set_roles, SYSTEM, former.user_id, frozenset({Role.AUDITOR}), now=host.now())
    cases = [
        (None, "key_witness_missing"),
        (admin, "cosign_same_person"),
        (bare, "key_witness_unfit"),
        (closed, "key_witness_unfit"),
        (former, "key_witness_unfit"),
    ]
    for second, code in cases:
        signed = Signed(admin, cosigner=second)
        assert refused(lambda signed=signed: added(host, signed, Role.CUSTODIAN)) == code
    added(host, Signed(admin, cosigner=holder), Role.CUSTODIAN)


@pytest.mark.both_stores
def test_closing_all_holders_does_not_bring_back_the_beginning(
    host: Host, admin: Actor, holder: Actor
) -> None:
    host.db.write(staff.set_active, admin, holder.user_id, False, now=host.now())
    assert refused(lambda: added(host, admin, Role.CUSTODIAN)) == "key_witness_nobody"
    added(host, SYSTEM, Role.CUSTODIAN)  # at the server, with the master key


def test_a_rehearsals_keys_leave_with_its_crew(host: Host, admin: Actor, holder: Actor) -> None:
    host.db.write(staff.set_active, SYSTEM, holder.user_id, False, now=host.now())
    host.db.write(staff.drop_key, holder.user_id, now=host.now())
    with host.db.read() as session:
        assert not custody.witness_needed(session, admin.user_id)
        assert audit.page(session, stream=audit.SYSTEM_STREAM)[0].act == "custodian_key_dropped"
    host.db.write(staff.drop_key, holder.user_id, now=host.now())  # nothing to forget, nothing to say
    added(host, admin, Role.CUSTODIAN)


@pytest.mark.dear
def test_sealing_again_needs_a_witness_even_when_nothing_sealed_is_in_force(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    stage = preparing.staged(host, person_as)
    holders = {
        stage.crew.chief.user_id: Role.CHIEF_INVIGILATOR,
        stage.crew.custodian.user_id: Role.CUSTODIAN,
    }
    key = host.site.signing_key.private_bytes_raw()

    def seal(who: Actor | Signed) -> int:
        return host.db.write(package_sealing.seal, who, stage.room_sitting, holders, key, now=host.now())

    assert refused(lambda: seal(stage.crew.administrator)) == "key_witness_missing"
    host.db.write(lambda session: setattr(session.scalars(select(Package)).one(), "state", "superseded"))
    assert refused(lambda: seal(stage.crew.administrator)) == "key_witness_missing"
    bare = Signed(stage.crew.administrator, cosigner=stage.crew.approver)
    assert refused(lambda: seal(bare)) == "key_witness_unfit"
    sealed = seal(Signed(stage.crew.administrator, cosigner=stage.crew.custodian))
    with host.db.read() as session:
        package = packages.current(session, stage.room_sitting)
        assert package is not None
        shown = packages.view(session, package)
        entry = audit.page(session, stream=audit.sitting_stream(stage.room_sitting), act="package_sealed")[0]
    assert (shown.id, shown.sealed_by) == (sealed, stage.crew.administrator.name)
    assert shown.cosigned_by == entry.details["cosigned_by"] == stage.crew.custodian.name


@pytest.mark.dear
def test_one_of_the_chosen_custodians_co_signs_the_first_seal(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    stage = preparing.staged(host, person_as)
    crew, key = stage.crew, host.site.signing_key.private_bytes_raw()
    host.db.write(lambda session: session.execute(delete(PackageCustodian)))
    host.db.write(lambda session: session.execute(delete(Package)))
    holders = {crew.administrator.user_id: Role.ADMINISTRATOR, crew.custodian.user_id: Role.CUSTODIAN}

    def seal(who: Actor | Signed) -> int:
        return host.db.write(package_sealing.seal, who, stage.room_sitting, holders, key, now=host.now())

    cases = [
        (None, "seal_cosign_missing"),
        (crew.administrator, "cosign_same_person"),
        (crew.chief, "seal_cosign_unfit"),  # holds a key, but is not chosen
    ]
    for second, code in cases:
        assert refused(lambda second=second: seal(Signed(crew.administrator, cosigner=second))) == code
    sealed = seal(Signed(crew.administrator, cosigner=crew.custodian))
    with host.db.read() as session:
        assert session.get_one(Package, sealed).cosigned_by == crew.custodian.user_id


class TestPages:
    @pytest.fixture
    def browser(self, admin: Actor, holder: Actor, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
        return sign_in(admin)

    @pytest.fixture
    def signature(self, holder: Actor, password: str) -> dict[str, str]:
        return {"cosign_username": holder.name, "cosign_password": password}

    def new(self, role: str) -> dict[str, str]:
        return {"username": "li", "name": "李", "roles": role, "password": "first words 1"}

    def test_a_key_holder_is_added_by_two(
        self, browser: FlaskClient, host: Host, signature: dict[str, str]
    ) -> None:
        assert 'name="cosign_username"' in browser.get("/staff/new").text
        alone = browser.post("/staff/new", data=self.new("custodian"))
        assert (alone.status_code, "须由另一位已有保管人密钥" in alone.text) == (422, True)
        assert 'id="cosign_username-e"' in alone.text
        wrong = browser.post(
            "/staff/new", data={**self.new("custodian"), **signature, "cosign_password": "x"}
        )
        assert (wrong.status_code, "账号或密码不正确" in wrong.text) == (422, True)
        assert browser.post("/staff/new", data={**self.new("custodian"), **signature}).status_code == 302
        with host.db.read() as session:
            account = staff.find_account(session, "li")
        assert account is not None
        assert account.actor.roles == {Role.CUSTODIAN}

    def test_an_invigilator_is_added_by_one(self, browser: FlaskClient) -> None:
        assert browser.post("/staff/new", data=self.new("invigilator")).status_code == 302

    @pytest.mark.parametrize(
        ("act", "form"),
        [
            ("roles", {"roles": ["chief_invigilator", "custodian"]}),
            ("password", {"password": "brand new words"}),
            ("active", {"active": "1"}),
        ],
    )
    def test_a_key_holders_account_is_changed_by_two(
        self,
        browser: FlaskClient,
        host: Host,
        holder: Actor,
        person_as: Callable[..., Actor],
        signature: dict[str, str],
        act: str,
        form: dict[str, str],
    ) -> None:
        target = person_as("chief_invigilator")
        if act == "active":
            host.db.write(staff.set_active, SYSTEM, target.user_id, False, now=host.now())
        page = f"/staff/{target.user_id}"
        assert f'id="{act}-cosign_username"' in browser.get(page).text
        alone = browser.post(f"{page}/{act}", data=form)
        assert (alone.status_code, "须由另一位已有保管人密钥" in alone.text) == (422, True)
        assert browser.post(f"{page}/{act}", data={**form, **signature}).status_code == 302

    def test_a_second_bank_keeper_is_added_by_two(
        self, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient], password: str
    ) -> None:
        browser, form = sign_in(person_as("administrator")), self.new("bank_keeper")
        assert browser.post("/staff/new", data=form).status_code == 302  # the first
        keeper, form = person_as("bank_keeper"), {**form, "username": "wang"}
        assert 'name="cosign_username"' in browser.get("/staff/new").text
        assert 'id="password-cosign_username"' in browser.get(f"/staff/{keeper.user_id}").text
        assert browser.post("/staff/new", data=form).status_code == 422
        signed = {**form, "cosign_username": keeper.name, "cosign_password": password}
        assert browser.post("/staff/new", data=signed).status_code == 302

    def test_before_the_first_key_no_signature_is_asked(
        self, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        browser = sign_in(person_as("administrator"))
        assert 'name="cosign_username"' not in browser.get("/staff/new").text
        assert browser.post("/staff/new", data=self.new("custodian")).status_code == 302
