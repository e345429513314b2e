"""People: list, add, roles, close and reopen, initial password; and each custodian's own key."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from itembank.custody import new_custodian_key
from itembank.sealing import PassphraseParams
from server.access import PERMISSIONS, Permission, Role
from server.errors import Refused
from server.services import passwords, scoring_devices, staff
from server.services.custody import holds_keys, reader_witness_needed, reads_items, witness_needed
from server.services.signed import Signed
from server.web.guard import actor, check_credentials, current_host, requires, say, witnessed

bp = Blueprint("staff", __name__)
SHORTEST_PASSPHRASE, LONGEST_PASSPHRASE = 12, 1024
Answer = str | Response | tuple[str, int]


@bp.get("/staff")
@requires(Permission.MANAGE_STAFF)
def people() -> str:
    """Everybody with roles and state."""
    with current_host().db.read() as session:
        return render_template("staff/people.html", people=staff.people(session))


@bp.get("/staff/new")
@requires(Permission.MANAGE_STAFF)
def new() -> str:
    """The form for a new person."""
    return _new_form({})


@bp.post("/staff/new")
@requires(Permission.MANAGE_STAFF)
def add() -> Answer:
    """Adds a person with an initial password."""
    host, form = current_host(), request.form
    try:
        fresh = staff.NewPerson(form.get("username", ""), form.get("name", ""), _hashed(form), _roles(form))
        user_id = host.db.write(staff.add_person, _witnessed(), fresh, now=host.now())
    except Refused as refusal:
        return _new_form(_problems(refusal)), refusal.status
    flash(_("已新增 %(name)s。", name=fresh.name.strip()), "good")
    return redirect(url_for("staff.show", user_id=user_id))


@bp.get("/staff/<int:user_id>")
@requires(Permission.MANAGE_STAFF)
def show(user_id: int) -> str:
    """One person with what may be changed."""
    return _person_page(user_id, {})


@bp.post("/staff/<int:user_id>/roles")
@requires(Permission.MANAGE_STAFF)
def roles(user_id: int) -> Answer:
    """Replaces the roles."""
    host = current_host()
    return _changed(
        user_id,
        _("角色已更新。"),
        lambda now: host.db.write(staff.set_roles, _witnessed(), user_id, _roles(request.form), now=now),
    )


@bp.post("/staff/<int:user_id>/active")
@requires(Permission.MANAGE_STAFF)
def active(user_id: int) -> Answer:
    """Closes or reopens the account."""
    host, wanted = current_host(), request.form.get("active") == "1"
    return _changed(
        user_id,
        _("账号已重新启用。") if wanted else _("账号已停用，其登录已全部退出。"),
        lambda now: host.db.write(staff.set_active, _witnessed(), user_id, wanted, now=now),
    )


@bp.post("/staff/<int:user_id>/password")
@requires(Permission.MANAGE_STAFF)
def password(user_id: int) -> Answer:
    """Sets another initial password."""
    host = current_host()
    return _changed(
        user_id,
        _("初始密码已重设，其登录已全部退出。"),
        lambda now: host.db.write(
            staff.reset_password, _witnessed(), user_id, _hashed(request.form), now=now
        ),
    )


@bp.post("/staff/<int:user_id>/tablets")
@requires(Permission.MANAGE_STAFF)
def revoke_tablet(user_id: int) -> Answer:
    """Takes one of the person's scoring tablets out of force."""
    host = current_host()
    device = request.form.get("device", 0, type=int)
    signed = Signed(actor(), request.form.get("reason", ""))
    return _changed(
        user_id,
        _("平板已停用，本人的登录已全部退出。"),
        lambda now: host.db.write(scoring_devices.revoke, signed, (user_id, device), now=now),
    )


@bp.get("/staff/custody")
@requires(Permission.HOLD_KEY)
def custody() -> str:
    """One's own custodian key."""
    return _custody_page({})


@bp.post("/staff/custody")
@requires(Permission.HOLD_KEY)
def make_key() -> Answer:
    """Makes a custodian key under a passphrase that only this person knows."""
    host, form = current_host(), request.form
    try:
        with host.db.read() as session:
            mine = staff.person(session, actor().user_id or 0)
        if mine.has_key and form.get("replace") != "1":
            raise Refused("key_exists", 422, field="replace")
        passphrase = _passphrase(form)
        check_credentials(mine.username, form.get("password", ""), field="password")
        params = PassphraseParams(memory_kib=host.settings.argon_memory)
        key = host.native.call(new_custodian_key, passphrase, params)
        host.db.write(staff.store_key, actor(), key, now=host.now())
    except Refused as refusal:
        return _custody_page(_problems(refusal)), refusal.status
    flash(_("保管人密钥已建立。口令没有保存在任何地方，请牢记。"), "good")
    return redirect(url_for("staff.custody"))


def _changed(user_id: int, message: str, change: Callable[[datetime], object]) -> Answer:
    try:
        change(current_host().now())
    except Refused as refusal:
        if refusal.status == 404:
            raise
        return _person_page(user_id, _problems(refusal)), refusal.status
    flash(message, "good")
    return redirect(url_for("staff.show", user_id=user_id))


def _problems(refusal: Refused) -> dict[str, str]:
    return {refusal.params.get("field", ""): say(refusal.code, refusal.params)}


def _new_form(problems: dict[str, str]) -> str:
    chosen = set(request.form.getlist("roles"))
    with current_host().db.read() as session:
        witness = reader_witness_needed(session, actor().user_id)
    return render_template(
        "staff/new.html",
        problems=problems,
        form=request.form,
        chosen=chosen,
        roles=role_choices(),
        witness=witness,
    )


def _person_page(user_id: int, problems: dict[str, str]) -> str:
    with current_host().db.read() as session:
        one = staff.person(session, user_id)
        tablets = scoring_devices.of_person(session, user_id)
        keys = witness_needed(session, actor().user_id)
        witness = reader_witness_needed(session, actor().user_id)
    return render_template(
        "staff/person.html",
        person=one,
        tablets=tablets,
        problems=problems,
        roles=role_choices(),
        witness=witness,
        trusted=(keys and holds_keys(one.roles)) or (witness and reads_items(one.roles)),
    )


def _custody_page(problems: dict[str, str]) -> str:
    with current_host().db.read() as session:
        made_at = staff.own_key(session, actor())
    return render_template("staff/custody.html", made_at=made_at, problems=problems)


def _witnessed() -> Signed:
    return witnessed(Permission.HOLD_KEY, Permission.READ_ITEMS)


def role_choices() -> list[tuple[Role, int]]:
    """Every role with the number of its permissions."""
    return [(role, len(PERMISSIONS[role])) for role in Role]


def _roles(form: MultiDict[str, str]) -> frozenset[Role]:
    wanted = form.getlist("roles")
    unknown = [role for role in wanted if role not in set(Role)]
    if unknown:
        raise Refused("role_unknown", 422, field="roles", role=unknown[0])
    return frozenset(Role(role) for role in wanted)


def _hashed(form: MultiDict[str, str]) -> str:
    word = passwords.acceptable(form.get("password", ""))
    return current_host().native.call(passwords.hash_password, word)


def _passphrase(form: MultiDict[str, str]) -> str:
    words = form.get("passphrase", "")
    if not SHORTEST_PASSPHRASE <= len(words) <= LONGEST_PASSPHRASE:
        raise Refused(
            "passphrase_length", 422, field="passphrase", least=SHORTEST_PASSPHRASE, most=LONGEST_PASSPHRASE
        )
    if words != form.get("again", ""):
        raise Refused("passphrases_differ", 422, field="again")
    return words
