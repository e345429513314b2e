"""What people do with items: take them from state to state, one or many; take or give up a new version."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.statistics import ItemFigures
from server.access import Permission
from server.errors import NotFound, Refused
from server.services import item_figures, item_life, item_search, item_versions
from server.services.signed import Signed
from server.web.forms import returns_to, text
from server.web.guard import actor, current_host, requires, say
from server.web.items import ITEM, asked_of, refused_if_other_bank, wish_of
from server.web.layout import state_word

bp = Blueprint("item_acts", __name__)
_PICK = re.compile(r"^(\d{1,9})\.(\d{1,9})$", re.ASCII | re.MULTILINE)


@bp.post(ITEM + "/move")
@requires(Permission.REVIEW_ITEMS)
@returns_to("items.show")
def move(bank_id: int, item_id: int) -> ResponseReturnValue:
    """Takes one item to another state."""
    return _moved(bank_id, item_id, text("to"))


@bp.post(ITEM + "/give-up")
@requires(Permission.AUTHOR_ITEMS)
@returns_to("items.show")
def give_up(bank_id: int, item_id: int) -> ResponseReturnValue:
    """A draft is given up by those who write items."""
    return _moved(bank_id, item_id, "retired")


@bp.post("/banks/<int:bank_id>/items/move")
@requires(Permission.REVIEW_ITEMS)
@returns_to("items.index")
def move_many(bank_id: int) -> ResponseReturnValue:
    """Takes the chosen items, or all that were found, to another state; tells which stayed and why."""
    host, to = current_host(), text("to")
    if to not in item_life.STATES:
        raise Refused("item_state_missing", 422, field="to")
    asked = asked_of(request.form)
    chosen = _chosen(bank_id, asked)
    who = Signed(actor(), text("reason"))
    outcome = host.db.write(item_life.move_many, who, chosen, to, now=host.now())
    _tell(outcome, to)
    values: dict[str, Any] = {"bank_id": bank_id, **asked}
    return redirect(url_for("items.index", **values))


@bp.post(ITEM + "/accept")
@requires(Permission.REVIEW_ITEMS)
@returns_to("items.show")
def accept(bank_id: int, item_id: int) -> ResponseReturnValue:
    """The waiting version comes in force."""
    refused_if_other_bank(bank_id, item_id)
    host = current_host()
    number = host.db.write(item_versions.accept, actor(), item_id, seen=_seen(), now=host.now())
    flash(_("第 %(n)d 版已启用。已组成的试卷仍用原来的版本。", n=number), "good")
    return redirect(url_for("items.show", bank_id=bank_id, item_id=item_id))


@bp.post(ITEM + "/reject")
@requires(Permission.READ_ITEMS)
@returns_to("items.show")
def reject(bank_id: int, item_id: int) -> ResponseReturnValue:
    """The waiting version is given up, by a reviewer or by its author."""
    refused_if_other_bank(bank_id, item_id)
    host = current_host()
    host.db.write(item_versions.reject, actor(), item_id, text("reason"), seen=_seen(), now=host.now())
    flash(_("新版本已退回，使用中的版本没有变化。"), "info")
    return redirect(url_for("items.show", bank_id=bank_id, item_id=item_id))


@bp.post("/banks/<int:bank_id>/figures")
@requires(Permission.REVIEW_ITEMS)
@returns_to("items.index")
def figures(bank_id: int) -> ResponseReturnValue:
    """Works the figures of all items out again from the marked papers."""
    count = renew_figures(bank_id)
    flash(_("已按已评分的试卷更新 %(n)d 道试题的统计。", n=count), "good")
    return redirect(url_for("items.index", bank_id=bank_id))


def renew_figures(bank_id: int) -> int:
    """Opens the marks in a native thread and keeps what they tell; how many items have figures."""
    host = current_host()

    def measured() -> Mapping[int, ItemFigures]:
        with host.db.read() as session:
            return item_figures.measured(session, bank_id)

    found = host.native.call(measured)
    return host.db.write(item_figures.keep, actor(), bank_id, found, now=host.now())


def renew_figures_of_room(room_sitting_id: int) -> None:
    """The same for the bank whose items a room answered."""
    with current_host().db.read() as session:
        bank_id = item_figures.bank_of(session, room_sitting_id)
    if bank_id is not None:
        renew_figures(bank_id)


def _moved(bank_id: int, item_id: int, to: str) -> ResponseReturnValue:
    refused_if_other_bank(bank_id, item_id)
    host = current_host()
    who = Signed(actor(), text("reason"))
    host.db.write(item_life.move, who, item_id, to, seen=_seen(), now=host.now())
    flash(_("试题状态：%(state)s。", state=state_word(to)), "good")
    return redirect(url_for("items.show", bank_id=bank_id, item_id=item_id))


def _seen() -> int:
    """The version that the page showed; a form without it has shown none."""
    return request.form.get("version", 0, type=int)


def _chosen(bank_id: int, asked: Mapping[str, str]) -> dict[int, int]:
    """Item id -> version seen, of those ticked or of everything found; only of this bank.

    Everything found is what the list found when it was shown, or it is refused.
    """
    everything = request.form.get("scope") == "all"
    with current_host().db.read() as session:
        found = item_search.numbers(session, bank_id, wish_of(asked if everything else {}))
    ticked = _PICK.findall("\n".join(request.form.getlist("item")))
    chosen = found if everything else {int(item_id): int(version) for item_id, version in ticked}
    if not chosen:
        raise Refused("items_missing", 422, field="item")
    if everything and text("found", limit=64) != item_search.digest(found):
        raise Refused("items_changed_meanwhile", 409, field="scope")
    if not chosen.keys() <= found.keys():
        raise NotFound("item")
    return chosen


def _tell(outcome: item_life.Moved, to: str) -> None:
    if outcome.moved:
        words = _("%(n)d 道试题：%(state)s。", n=outcome.moved, state=state_word(to))
        flash(words, "good")
    for code, count in outcome.stayed.items():
        why = say(f"many_{code}")
        flash(_("%(n)d 道没有改动：%(why)s", n=count, why=why), "look")
