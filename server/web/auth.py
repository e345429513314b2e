"""Sign-in, sign-out, own password. Flask-Security keeps the session; the pages are ours (design D14)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_security import Security
from flask_security.core import UserMixin
from flask_security.datastore import UserDatastore
from flask_security.utils import login_user, logout_user
from werkzeug.wrappers import Response

from server.access import Actor, Permission
from server.errors import Refused
from server.host import Host
from server.services import passwords, staff
from server.settings import Settings
from server.web.guard import actor, actor_or_none, check_credentials, current_host, requires, say

bp = Blueprint("security", __name__)
SESSION_HOURS = 8


class SignedIn(UserMixin):  # type: ignore[misc]
    """An account as Flask-Security sees it: a snapshot, never a database row."""

    def __init__(self, account: staff.Account) -> None:
        self.id = account.id
        self.username = account.username
        self.password = account.password
        self.active = account.active
        self.fs_uniquifier = account.fs_uniquifier
        self.actor: Actor = account.actor
        self.roles: list[Any] = []  # authorisation is `access.py` alone


class StaffDatastore(UserDatastore):  # type: ignore[misc]
    """Finds the account of a session; everything else stays with `services.staff`."""

    def __init__(self) -> None:
        super().__init__(SignedIn, object)

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> SignedIn | None:  # noqa: ANN401
        """The account with this session mark."""
        mark = str(kwargs["fs_uniquifier"])
        with current_host().db.read() as found:
            account = staff.accounts_of_sessions(found, [mark]).get(mark)
        return SignedIn(account) if account is not None else None


SignedIn.fs_uniquifier = ""  # Flask-Security looks for the attribute on the class


def session_config(settings: Settings, host: Host) -> dict[str, Any]:
    """Flask's and Flask-Security's settings: no tracking, no tokens, no pages of its own."""
    secure = not settings.plain_http
    return {
        "SECRET_KEY": host.site.session_key.hex(),
        "SESSION_COOKIE_NAME": "__Host-examhall" if secure else "examhall",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=SESSION_HOURS),
        "SECURITY_PASSWORD_SALT": host.site.token_key.hex(),
        "SECURITY_CLI_USERS_NAME": None,
        "SECURITY_CLI_ROLES_NAME": None,
        "SECURITY_DEFAULT_REMEMBER_ME": False,
        "SECURITY_SEND_REGISTER_EMAIL": False,
    }


def init_security(app: Flask) -> None:
    """Joins Flask-Security to the application for its sessions only."""
    security = Security(app, StaffDatastore(), register_blueprint=False)
    security.login_manager.request_loader(None)  # no sign-in by tokens in headers
    # Principal would load the person before every request, agents' ones too; nothing here asks it.
    app.before_request_funcs[None].remove(security.principal._on_before_request)


@bp.route("/login", methods=["GET", "POST"])
def login() -> str | Response | tuple[str, int]:
    """The sign-in page, and the sign-in."""
    if request.method == "POST":
        return _sign_in()
    if actor_or_none() is not None:
        return redirect(_goal())
    return _login_page({})


def _sign_in() -> Response | tuple[str, int]:
    host = current_host()
    try:
        account = check_credentials(
            request.form.get("username", ""), request.form.get("password", ""), field="username"
        )
    except Refused as refusal:
        problem = {refusal.params["field"]: say(refusal.code, refusal.params)}
        return _login_page(problem), refusal.status
    goal = _goal()
    session.clear()  # nothing of a session before the sign-in lives on
    login_user(SignedIn(account), remember=False, authn_via=["password"])
    session.permanent = True
    host.db.write(staff.note_sign_in, account.actor, "staff_signed_in", now=host.now())
    return redirect(goal)


@bp.post("/logout")
def logout() -> Response:
    """Ends the person's sessions, this one and those at other computers."""
    who = actor_or_none()
    if who is not None:
        host = current_host()
        host.db.write(staff.sign_out, who, now=host.now())
        logout_user()
        session.clear()
        flash(_("已退出。您在其他电脑上的登录也已退出。"), "good")
    return redirect(url_for("security.login"))


@bp.get("/password")
@requires(Permission.SEE_HOME)
def password() -> str:
    """The page to change one's own password."""
    return render_template("auth/password.html", problems={})


@bp.post("/password")
@requires(Permission.SEE_HOME)
def change_password() -> str | Response | tuple[str, int]:
    """Sets a new password after the old one was given."""
    host, form = current_host(), request.form
    try:
        hashed = _new_password(form)
    except Refused as refusal:
        problems = {refusal.params["field"]: say(refusal.code, refusal.params)}
        return render_template("auth/password.html", problems=problems), refusal.status
    session["_user_id"] = host.db.write(staff.change_password, actor(), hashed, now=host.now())
    flash(_("密码已更改。其他电脑上的登录已全部退出。"), "good")
    return redirect(url_for("home.home"))


def _new_password(form: Mapping[str, str]) -> str:
    host = current_host()
    with host.db.read() as found:
        mine = staff.person(found, actor().user_id or 0)
    check_credentials(mine.username, form.get("current", ""), field="current")
    fresh = passwords.acceptable(form.get("password", ""))
    if fresh != form.get("again", ""):
        raise Refused("passwords_differ", 422, field="again")
    return host.native.call(passwords.hash_password, fresh)


def _login_page(problems: dict[str, str]) -> str:
    username = request.form.get("username", "")[: 2 * staff.USERNAME_LONGEST]
    return render_template("auth/login.html", problems=problems, username=username, next=_goal())


def inside(goal: str) -> str:
    """The path when it stays on this server, else an empty string: nobody is sent to another site."""
    parts = urlsplit(goal)
    ours = goal.startswith("/") and not goal.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return goal if ours and goal.isprintable() else ""


def _goal() -> str:
    return inside(request.values.get("next", "")) or url_for("home.home")
