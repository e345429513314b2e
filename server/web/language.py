"""Which language a reader gets, and how times and durations are written (design D17)."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from flask import Flask, request
from flask_babel import Babel, force_locale, get_translations
from flask_babel import gettext as _

SOURCE = "zh"
LOCALES = {SOURCE: "zh_Hans_CN", "en": "en"}
"""Language as the cookie says -> Babel locale. Chinese is the source text and needs no catalogue."""
HTML_LANG = {SOURCE: "zh-CN", "en": "en"}
COOKIE = "language"


def init_language(app: Flask, timezone: str) -> None:
    """Joins Flask-Babel and the filters."""
    Babel(app, default_locale=LOCALES[SOURCE], default_timezone=timezone, locale_selector=locale)
    zone = ZoneInfo(timezone)
    app.jinja_env.filters["moment"] = partial(moment, zone=zone)
    app.jinja_env.filters["clock"] = partial(clock, zone=zone)
    app.jinja_env.filters["minutes"] = minutes


def language() -> str:
    """`zh` or `en`: the cookie, else the browser's first language that we have, by its primary subtag.

    Matching whole locales would answer `en` to a browser that asks for `zh-CN`.
    """
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LOCALES:
        return chosen
    for wanted, _quality in request.accept_languages:
        primary = wanted.replace("_", "-").split("-")[0].lower()
        if primary in LOCALES:
            return primary
    return SOURCE


def locale() -> str:
    """The Babel locale of this request."""
    return LOCALES[language()]


def catalog_json(code: str) -> str:
    """The catalogue of a language for scripts: {msgid: text or [plural forms]}; {} for Chinese."""
    if code == SOURCE:
        return "{}"
    with force_locale(LOCALES[code]):
        entries = getattr(get_translations(), "_catalog", {})
    return json.dumps(_flat(entries), ensure_ascii=False, sort_keys=True)


def _flat(entries: Mapping[str | tuple[str, int], str]) -> dict[str, str | list[str]]:
    flat: dict[str, str | list[str]] = {}
    for msgid, text in entries.items():
        if isinstance(msgid, tuple):
            forms = flat.setdefault(msgid[0], [])
            assert isinstance(forms, list)
            forms.append(text)
        elif msgid:
            flat[msgid] = text
    return flat


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """2026-11-21 09:00:00 in the site's zone; a dash for none."""
    return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if value else "—"


def clock(value: datetime | None, zone: ZoneInfo) -> str:
    """09:00:00 in the site's zone; a dash for none."""
    return value.astimezone(zone).strftime("%H:%M:%S") if value else "—"


def minutes(value: Decimal | float | int | None) -> str:
    """A duration given in minutes: 1 小时 30 分, 45 分, 30 秒."""
    if value is None:
        return "—"
    seconds = round(Decimal(str(value)) * 60)
    hours, rest = divmod(seconds, 3600)
    parts = []
    if hours:
        parts.append(_("%(count)d 小时", count=hours))
    if rest // 60:
        parts.append(_("%(count)d 分", count=rest // 60))
    if rest % 60 or not parts:
        parts.append(_("%(count)d 秒", count=rest % 60))
    return " ".join(parts)
