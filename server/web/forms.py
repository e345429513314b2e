"""Forms at the edge: small parsers that refuse by field, and the way back to the page with the reason."""

import functools
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ParamSpec, cast
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from itembank.problems import InputRefused, Problem
from server.errors import Forbidden, NotFound, Refused
from server.messages import N_
from server.web import language
from server.web.guard import SignInNeeded, current_host, say

bp = Blueprint("forms", __name__)
P = ParamSpec("P")
SHOWN_PROBLEMS = 100
FIELDS: dict[str, str] = {
    "name": N_("名称"),
    "title": N_("试卷名称"),
    "occupation_level": N_("职业与等级"),
    "profile": N_("等级政策"),
    "bank": N_("题库"),
    "blueprint": N_("细目表"),
    "forms": N_("平行卷数"),
    "max_overlap": N_("任两卷最多重题"),
    "seed": N_("种子"),
    "spare_forms": N_("备用卷数"),
    "room": N_("考场"),
    "recent_sittings": N_("避开最近的场次数"),
    "recent_max": N_("近期试题最多"),
    "per_point_max": N_("同一鉴定点最多"),
    "starts_at": N_("开考时间"),
    "minutes": N_("考试时间（分钟）"),
    "papers": N_("试卷"),
}
"""Fields of forms -> their labels, for sentences that name one."""
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_ROW_NUMBER = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,2})?")
_ONCE = re.compile(r"[0-9a-f]{32}")
_ROW = re.compile(r"(?:(?P<sheet>.+) )?(?P<unit>row|line|question) (?P<row>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file: the name as the person knows it, and its bytes."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Turned:
    """A form that was not accepted: why, in the reader's language, and which fields are meant."""

    form: str
    title: str
    reasons: tuple[str, ...]
    fields: Mapping[str, str]


@bp.app_template_global("place_text")
def place_text(place: str) -> str:
    """Where something stands in a file, in the reader's language: "题库 row 7" is 题库 第 7 行."""
    found = _ROW.fullmatch(place)
    if found is None:
        return place
    unit = _("第 %(row)s 题") if found["unit"] == "question" else _("第 %(row)s 行")
    row = unit % {"row": found["row"]}
    return f"{found['sheet']} {row}" if found["sheet"] else row


@bp.app_template_global("sentence_of")
def sentence_of(code: str, params: Mapping[str, object]) -> str:
    """A refusal's sentence; places, fields and moments among its parameters are put into words first."""
    worded = dict(params)
    for name in worded.keys() & {"place", "first"}:
        worded[name] = place_text(str(worded[name]))
    if str(worded.get("field")) in FIELDS:
        worded["field"] = _(FIELDS[str(worded["field"])])
    zone = ZoneInfo(current_host().settings.timezone)
    for name in worded.keys() & {"not_before", "held_from"}:
        worded[name] = language.moment(datetime.fromisoformat(str(worded[name])), zone=zone)
    return say(code, worded)


@bp.app_template_global("problem_text")
def problem_text(problem: Problem) -> str:
    """One problem in the reader's language, its place first."""
    words, place = sentence_of(problem.code, problem.params), place_text(problem.place)
    return _("%(place)s：%(words)s", place=place, words=words) if place and place not in words else words


View = Callable[P, ResponseReturnValue]


def returns_to(endpoint: str, **fixed: object) -> Callable[[View[P]], View[P]]:
    """A refused POST goes back to the page of `endpoint` with the reason on top: for live pages.

    The page gets the view's own arguments; `fixed` replaces them, None leaves one out.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            try:
                return view(*args, **kwargs)
            except (NotFound, Forbidden, SignInNeeded):
                raise
            except Refused as refusal:
                flash(sentence_of(refusal.code, refusal.params), "act")
            return redirect(url_for(endpoint, **_arguments(fixed)))

        return guarded

    return decorate


def shown_again(endpoint: str, **fixed: object) -> Callable[[View[P]], View[P]]:
    """A refused POST shows the page of `endpoint` again: why on top and by the field, the form as filled in.

    The page gets the view's own arguments; `fixed` replaces them, None leaves one out.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            try:
                return view(*args, **kwargs)
            except InputRefused as refusal:
                g.turned, status = _turned_file(refusal), 422
            except (NotFound, Forbidden, SignInNeeded):
                raise
            except Refused as refusal:
                g.turned, status = _turned(refusal), refusal.status
            page = current_app.view_functions[endpoint](**_arguments(fixed))
            return cast("str", page), status

        return guarded

    return decorate


def _arguments(fixed: Mapping[str, object]) -> dict[str, Any]:
    arguments = {**(request.view_args or {}), **fixed}
    return {name: value for name, value in arguments.items() if value is not None}


def _turned(refusal: Refused) -> Turned:
    words = sentence_of(refusal.code, refusal.params)
    field = refusal.params.get("field", "")
    return Turned(str(request.endpoint), words, (), {field: words} if field else {})


def _turned_file(refusal: InputRefused) -> Turned:
    # A field's own sentence names it; only in a file the place has to be found.
    worded = problem_text if request.files else lambda problem: sentence_of(problem.code, problem.params)
    reasons = [worded(problem) for problem in refusal.problems[:SHOWN_PROBLEMS]]
    rest = len(refusal.problems) - len(reasons)
    if rest > 0:
        reasons.append(say("more_problems", {"count": rest}))
    fields = {problem.place: reason for problem, reason in zip(refusal.problems, reasons, strict=False)}
    if len(reasons) == 1 and not request.files:
        return Turned(str(request.endpoint), reasons[0], (), fields)
    title = _("没有保存：有 %(count)s 处问题，请改正后再试", count=len(refusal.problems))
    return Turned(str(request.endpoint), title, tuple(reasons), fields)


@bp.app_template_global("turned")
def turned() -> Turned | None:
    """The form that this page shows again, if any."""
    return cast("Turned | None", g.get("turned"))


@bp.app_template_global("problem")
def problem(form: str, field: str) -> str:
    """What is wrong with a field of a form (named by its endpoint); empty when nothing is."""
    again = turned()
    return again.fields.get(field, "") if again and again.form == form else ""


@bp.app_template_global("kept")
def kept(form: str, field: str, default: object = "") -> str:
    """What the person had filled in when the form comes again, else the default."""
    again = turned()
    return request.form.get(field, "") if again and again.form == form else str(default)


@bp.app_template_global("chosen")
def chosen(form: str, field: str, value: object, default: bool = False) -> bool:
    """Whether a box was ticked when the form comes again, else the default."""
    again = turned()
    return str(value) in request.form.getlist(field) if again and again.form == form else default


def text(name: str, *, limit: int = 200) -> str:
    """A trimmed field without control characters; too long is refused."""
    value = "".join(ch for ch in request.form.get(name, "") if ch.isprintable()).strip()
    if len(value) > limit:
        raise Refused("field_too_long", 422, field=name, limit=limit)
    return value


def whole(name: str) -> int:
    """A whole number."""
    value = request.form.get(name, "").strip()
    if not _WHOLE.fullmatch(value):
        raise Refused("field_not_a_number", 422, field=name, value=value[:20])
    return int(value)


def row_number(value: str) -> int | None:
    """The number of a row as a link or a box gives it; None for anything else, and for what no row has."""
    return int(value) if _ROW_NUMBER.fullmatch(value) else None


def row_numbers(name: str) -> list[int]:
    """The row numbers of all boxes of a name that are ticked, each once, in their order."""
    found = (row_number(value) for value in request.form.getlist(name))
    return list(dict.fromkeys(number for number in found if number is not None))


def decimal(name: str) -> Decimal:
    """A decimal number with at most two decimal places."""
    value = request.form.get(name, "").strip()
    if not _DECIMAL.fullmatch(value):
        raise Refused("field_not_a_number", 422, field=name, value=value[:20])
    return Decimal(value)


def moment(name: str) -> datetime:
    """A local time as a browser's datetime field sends it, on the site's clock."""
    value = request.form.get(name, "").strip()
    try:
        local = datetime.fromisoformat(value)
    except ValueError as fault:
        raise Refused("field_not_a_time", 422, field=name, value=value[:30]) from fault
    if not 2000 <= local.year <= 2100:
        raise Refused("field_not_a_time", 422, field=name, value=value[:30])
    return local if local.tzinfo else local.replace(tzinfo=ZoneInfo(current_host().settings.timezone))


@bp.app_template_global("form_number")
def form_number() -> str:
    """A new one-time number for a form whose act must not happen twice."""
    return secrets.token_hex(16)


def once() -> str:
    """The one-time number that such a form brings. Refused when it has none: a page from elsewhere."""
    number = request.form.get("once", "")
    if not _ONCE.fullmatch(number):
        raise Refused("form_expired", 400)
    return number


def upload(name: str = "file") -> Upload:
    """The uploaded file; none or an empty one is refused. Its name is for eyes, never for a disk."""
    file = request.files.get(name)
    if file is None or not file.filename:
        raise Refused("file_missing", 422, field=name)
    last = re.split(r"[/\\]", file.filename)[-1]
    tidy = "".join(ch for ch in last if ch.isprintable())[:200] or "file"
    data = file.read()
    if not data:
        raise Refused("file_empty", 422, field=name, name=tidy)
    return Upload(tidy, data)
