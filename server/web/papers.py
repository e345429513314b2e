"""Papers: assembly as a job, proof, approval by a second person; packages: sealing and release."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.custody import ReleaseRefused, open_custodian_key
from server.access import Actor, Permission, Role
from server.errors import Refused
from server.services import banks, blueprints, joblist, packages, papers, staff
from server.web.forms import shown_again, text, whole
from server.web.guard import actor, check_credentials, current_host, requires, witnessed

bp = Blueprint("papers", __name__)


@bp.get("/papers")
@requires(Permission.SEE_PAPERS)
def index() -> str:
    """All paper sets, and the form that assembles a new one."""
    with current_host().db.read() as session:
        rows, stock = papers.paper_sets(session), banks.banks(session)
        plans = blueprints.blueprints(session)
    return render_template(
        "papers/index.html",
        rows=rows,
        banks=[(bank.id, _("%(name)s（%(n)s 道试题）", name=bank.name, n=bank.items)) for bank in stock],
        blueprints=[(row.id, _("%(name)s · 第 %(n)s 版", name=row.title, n=row.version)) for row in plans],
    )


@bp.post("/papers")
@requires(Permission.ASSEMBLE_PAPERS)
@shown_again("papers.index")
def assemble() -> ResponseReturnValue:
    """Begins an assembly; a child process solves it."""
    plan = papers.AssemblyPlan(
        title=text("title", limit=120),
        bank_id=whole("bank"),
        blueprint_id=whole("blueprint"),
        forms=whole("forms"),
        max_overlap=whole("max_overlap"),
        seed=text("seed", limit=38),
    )
    paper_set_id = start_assembly(actor(), plan)
    return redirect(url_for("papers.show", paper_set_id=paper_set_id))


def start_assembly(who: Actor, plan: papers.AssemblyPlan) -> int:
    """Stores the plan with its seed and starts the job."""
    host = current_host()
    paper_set_id = host.db.write(papers.begin, who, plan, now=host.now())
    with host.db.read() as session:
        payload = papers.job_payload(session, paper_set_id)

    def done(outcome: dict[str, Any]) -> None:
        host.db.write(papers.store_outcome, paper_set_id, outcome)

    job_id = host.jobs.start(
        "assemble",
        payload,
        actor=who,
        link=url_for("papers.show", paper_set_id=paper_set_id),
        done=done,
        failed=lambda code: host.db.write(papers.fail, paper_set_id, code),
    )
    host.db.write(papers.link_job, paper_set_id, job_id)
    return paper_set_id


@bp.get("/papers/<int:paper_set_id>")
@requires(Permission.SEE_PAPERS)
def show(paper_set_id: int) -> str:
    """One paper set: the proof line by line, or the shortages."""
    with current_host().db.read() as session:
        row = papers.get(session, paper_set_id)
        job = joblist.look(session, row.job_id) if row.job_id and row.state == "assembling" else None
        letters = papers.form_letters(session, paper_set_id)
        people = staff.names(session, [row.created_by, row.approved_by])
        bank, blueprint = papers.sources(session, row)
        return render_template(
            "papers/show.html",
            row=row,
            job=job,
            letters=letters,
            people=people,
            bank=bank,
            blueprint=blueprint,
            lines=proof_lines(row.outcome.get("proof", [])),
            scopes={scope.code: scope.name for scope in blueprints.read(blueprint).walk()},
            unmet=len(papers.unmet(row)),
        )


def proof_lines(
    proof: list[list[dict[str, Any]]],
) -> list[tuple[dict[str, Any], list[dict[str, Any] | None]]]:
    """The proof as rows: a constraint, and what each form reaches; a row for every constraint of any form."""
    keys = {(line["name"], line["of"]): line for form in proof for line in form}
    by_form = [{(line["name"], line["of"]): line for line in form} for form in proof]
    return [(line, [form.get(key) for form in by_form]) for key, line in keys.items()]


@bp.post("/papers/<int:paper_set_id>/approve")
@requires(Permission.APPROVE_PAPERS)
@shown_again("papers.show")
def approve(paper_set_id: int) -> ResponseReturnValue:
    """The second person's approval."""
    host = current_host()
    host.db.write(papers.approve, actor(), paper_set_id, now=host.now())
    flash(_("试卷已批准，可以用于场次。"), "good")
    return redirect(url_for("papers.show", paper_set_id=paper_set_id))


@bp.post("/sittings/<int:room_sitting_id>/package")
@requires(Permission.SEAL_PACKAGE)
@shown_again("sittings.show")
def seal(room_sitting_id: int) -> ResponseReturnValue:
    """Seals the sitting's forms for this room and the chosen custodians."""
    host = current_host()
    chosen: dict[int, Role] = {}
    for value in request.form.getlist("custodian"):
        user, _sep, role = value.partition("/")
        if not user.isdecimal() or role not in set(Role):
            raise Refused("custodians_of_two_roles", 422, field="custodians")
        if int(user) in chosen:
            raise Refused("custodian_in_one_role", 422, field="custodians")
        chosen[int(user)] = Role(role)
    signing_key = host.site.signing_key.private_bytes_raw()
    host.db.write(packages.seal, witnessed(), room_sitting_id, chosen, signing_key, now=host.now())
    flash(_("试卷包已密封。考试机会提前取得密封包，启封前谁也打不开。"), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


@bp.get("/papers/packages/<int:package_id>")
@requires(Permission.HOLD_KEY)
def package(package_id: int) -> ResponseReturnValue:
    """A package's release page, by the package."""
    with current_host().db.read() as session:
        room_sitting_id = packages.room_sitting_of(session, package_id)
    return redirect(url_for("papers.release_page", room_sitting_id=room_sitting_id))


@bp.get("/sittings/<int:room_sitting_id>/release")
@requires(Permission.HOLD_KEY)
def release_page(room_sitting_id: int) -> ResponseReturnValue:
    """Where two custodians release the package."""
    with current_host().db.read() as session:
        package = packages.current(session, room_sitting_id)
        if package is None:
            raise Refused("package_missing")
        place = packages.place(session, room_sitting_id)
        return render_template(
            "papers/release.html", view=packages.view(session, package), place=place, id=room_sitting_id
        )


@bp.post("/sittings/<int:room_sitting_id>/release")
@requires(Permission.HOLD_KEY)
@shown_again("papers.release_page")
def release(room_sitting_id: int) -> ResponseReturnValue:
    """Both custodians give their passphrases; the second one also the account (R20 stands in the policy)."""
    host, first = current_host(), actor()
    form = request.form
    account = check_credentials(
        text("second_username"), form.get("second_password", ""), field="second_username"
    )
    if account.actor.user_id == first.user_id:
        raise Refused("release_same_person", 422, field="second_username")
    holders = (
        _unlock(first, form.get("first_passphrase", ""), "first_passphrase"),
        _unlock(account.actor, form.get("second_passphrase", ""), "second_passphrase"),
    )
    host.db.write(packages.open_package, room_sitting_id, holders, host.site.public_key, now=host.now())
    flash(_("试卷包已启封。开考命令下达后，考试机才得到各自试卷的密钥。"), "good")
    return redirect(url_for("sittings.show", room_sitting_id=room_sitting_id))


def _unlock(holder: Actor, passphrase: str, field: str) -> packages.Unlocked:
    """Opens a custodian's private key; Argon2id takes a while and runs in a native thread."""
    host = current_host()
    with host.db.read() as session:
        sealed = staff.sealed_custodian_key(session, holder.user_id)
    if sealed is None:
        raise Refused("custodian_without_key", 422, field=field, name=holder.name)
    try:
        private = host.native.call(open_custodian_key, sealed, passphrase)
    except ReleaseRefused as fault:
        raise Refused("release_wrong_passphrase", 422, field=field, name=holder.name) from fault
    return packages.Unlocked(holder, private)
