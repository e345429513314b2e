"""Files of candidates as people send them, for one room or a whole sitting: a roster, a zip of photos."""

from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

from flask import flash, request
from flask_babel import gettext as _

from itembank.problems import InputRefused, Problem
from server.jobs.rosters import sheets_from_json
from server.rules.roster import RosterReading, read_roster
from server.services.person_register import Listed
from server.web.forms import problem_text, upload
from server.web.guard import current_host
from server.web.register_words import registered_text


def sent_roster() -> RosterReading:
    """The roster of this request. Raises `InputRefused` with every fault in it."""
    host, file = current_host(), upload()
    result = host.jobs.run("read_roster", {"data": file.data, "name": file.name})
    today = host.now().astimezone(ZoneInfo(host.settings.timezone)).date()
    reading = read_roster(sheets_from_json(result["sheets"]), today=today)
    if reading.problems:
        raise InputRefused(*reading.problems)
    return reading


def tell_roster(reading: RosterReading, count: int, listed: Iterable[Listed]) -> None:
    """Says how many came in, what deserves a look, and who stands in the register."""
    flash(_("已导入 %(n)d 名考生。", n=count), "good")
    for warning in reading.warnings:
        flash(problem_text(warning), "look")
    for person in listed:
        flash(registered_text(person), "look")


def sent_photos(unmatched: Callable[[Mapping[str, bytes]], Iterable[str]]) -> tuple[dict[str, bytes], int]:
    """The good photos of this request by name, and how many were skipped; `unmatched`: names of nobody.

    Any faulty or ownerless one refuses them all (`InputRefused`), unless it was chosen to skip those.
    """
    host, file = current_host(), upload()
    result = host.jobs.run("read_photos", {"data": file.data, "name": file.name})
    photos = {name: value for name, value in result.items() if isinstance(value, bytes)}
    nobodys = set(unmatched(photos))
    faults = [Problem.from_json(row) for row in result["problems"]]
    faults += [Problem("photo_of_nobody", name) for name in sorted(nobodys)]
    good = {name: data for name, data in photos.items() if name not in nobodys}
    if faults and (not good or request.form.get("good_photos") != "1"):
        raise InputRefused(*faults)
    return good, len(faults)


def tell_photos(count: int, skipped: int) -> None:
    """Says how many photos were stored."""
    flash(_("已保存 %(n)d 张照片，跳过 %(skipped)d 张。", n=count, skipped=skipped), "good")
