"""`examhall authority` and `examhall site`: the register, dispatches and results at the command line."""

import json
from pathlib import Path
from typing import Any

import click

from server.access import Permission
from server.cli.opening import opened
from server.cli.persons import at_the_console, signed_in
from server.cli.problems import problem_text
from server.cli.words import _, say
from server.errors import Refused
from server.host import Host
from server.jobs.site_desk import desk_of
from server.live.authority_line import LinkDown
from server.live.site_link import Link
from server.services import exam_sites, site_exchange, site_files, site_results, site_taking, site_wall
from server.services.dispatches import Order
from server.services.signed import Signed
from server.services.site_exchange import Made

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@click.group(help=_("机构：登记考点、制作下发包、收下回传包。"))
def authority() -> None:
    """Groups what an authority does."""


@click.group(help=_("考点：登记机构、收下下发包、制作回传包、与机构联络。"))
def site() -> None:
    """Groups what a site does."""


@authority.command(name="introduce", help=_("写出机构的登记信息文件，交给考点。"))
@click.option("--out", type=NEW_FILE, required=True)
@click.option("--name", default="", help=_("机构名称"))
def authority_introduce(out: Path, name: str) -> None:
    """Name and public keys, signed."""
    _introduce(out, "authority", name)


@site.command(name="introduce", help=_("写出本考点的登记信息文件，交给机构。"))
@click.option("--out", type=NEW_FILE, required=True)
@click.option("--name", default="", help=_("考点名称"))
def site_introduce(out: Path, name: str) -> None:
    """Name and public keys, signed."""
    _introduce(out, "site", name)


def _introduce(out: Path, role: str, name: str) -> None:
    with opened(writes=False) as host:
        known = host.settings.institution if role == "authority" else host.settings.site
        said = role, name or known, ""
        with host.db.read() as session:
            data = exam_sites.introduction(session, host.site, said, now=host.now())
    out.write_bytes(data)
    told = exam_sites.read_introduction(data, role)
    click.echo(_("已写出 %(out)s，密钥指纹 %(key)s", out=out, key=told.fingerprint))


def _two(host: Host, first: str, second: str) -> Signed:
    permission = Permission.MANAGE_SITES
    return Signed(signed_in(host, first, permission), "", signed_in(host, second, permission))


@authority.command(help=_("登记考点：由两人各以密码确认。"))
@click.argument("file", type=FILE)
@click.option("--code", required=True, help=_("考点代码"))
@click.option("--as", "username", required=True)
@click.option("--witness", required=True)
@click.option("--room", "rooms", type=int, multiple=True, help=_("归该考点的考场编号"))
def register(file: Path, code: str, username: str, witness: str, rooms: tuple[int, ...]) -> None:
    """The site's introduction enters the register."""
    with opened(writes=True) as host:
        signed = _two(host, username, witness)
        now = host.now()
        site_id = host.db.write(exam_sites.register, signed, file.read_bytes(), code, now=now)
        if rooms:
            host.db.write(exam_sites.give_rooms, signed.actor, site_id, rooms, now=now)
    click.echo(_("考点 %(code)s 已登记。请用电话核对密钥指纹。", code=code))


@site.command(help=_("登记机构：由两人各以密码确认。"))
@click.argument("file", type=FILE)
@click.option("--code", required=True, help=_("机构给本考点的代码"))
@click.option("--as", "username", required=True)
@click.option("--witness", required=True)
def accept(file: Path, code: str, username: str, witness: str) -> None:
    """The authority's introduction."""
    with opened(writes=True) as host:
        signed = _two(host, username, witness)
        host.db.write(exam_sites.accept_authority, signed, file.read_bytes(), code, now=host.now())
    click.echo(_("机构已登记。请用电话核对密钥指纹。"))


@authority.command(
    help=_("制作下发包：SITTING 是场次编号，SITE 是考点代码；不写考点则下发到有考场的全部考点。")
)
@click.argument("sitting", type=int)
@click.argument("site", default="")
@click.option("--out", type=FOLDER, help=_("另存为文件"))
@click.option("--json", "as_json", is_flag=True)
def dispatch(sitting: int, site: str, out: Path | None, as_json: bool) -> None:
    """One sitting to one site, or to all that have rooms in it."""
    with opened(writes=True) as host:
        for code, number in _receivers(host, site):
            try:
                made = site_exchange.make_dispatch(desk_of(host), at_the_console(), Order(number, sitting))
            except Refused as refusal:
                if site or refusal.code != "dispatch_no_rooms":
                    raise
                continue
            _told(host, made, f"{code}-{sitting}", out, as_json)


def _receivers(host: Host, code: str) -> list[tuple[str, int]]:
    with host.db.read() as session:
        if code:
            return [(code, exam_sites.by_code(session, code).id)]
        return [(one.code, one.id) for one in exam_sites.sites(session) if one.closed_at is None]


def _told(host: Host, made: Made, name: str, out: Path | None, as_json: bool) -> None:
    with host.db.read() as session:
        data = site_files.as_file(session, site_files.get(session, made.id))
    place = out / f"{name}.exsf" if out else None
    if place:
        place.write_bytes(data)
    line = {"name": name, "uid": made.uid, "fresh": made.fresh, "bytes": len(data), **made.told}
    text = _("%(name)s：%(bytes)s 字节", name=name, bytes=len(data))
    click.echo(json.dumps(line, ensure_ascii=False) if as_json else text)


@authority.command(help=_("收下考点的回传包文件。"))
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True)
def collect(files: tuple[Path, ...], as_json: bool) -> None:
    """Each file once; what does not hold is named by site, room and seat."""
    _take(files, as_json)


@site.command(help=_("收下机构的下发包文件。"))
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True)
def take(files: tuple[Path, ...], as_json: bool) -> None:
    """Each file once."""
    _take(files, as_json)


def _take(files: tuple[Path, ...], as_json: bool) -> None:
    with opened(writes=True) as host:
        desk, who = desk_of(host), at_the_console()
        for file in files:
            came = site_exchange.receive(desk, who, file.read_bytes())
            try:
                told = site_taking.take_in(desk, Signed(who), came.id)
            except Refused:
                for line in _wrong(host, came.id):
                    click.echo(line, err=True)
                raise
            line = json.dumps({"file": file.name, **told}, ensure_ascii=False)
            click.echo(line if as_json else _("%(file)s 已收下", file=file.name))


def _wrong(host: Host, file_id: int) -> list[str]:
    with host.db.read() as session:
        row = site_files.get(session, file_id)
        found = [(str(one["place"]), Refused(str(one["code"]), **one["params"])) for one in row.wrong]
    return [f"{place}\t{say(refusal)}" for place, refusal in found]


@site.command(help=_("制作回传包；不写 ABOUT 则为全部已收卷的下发场次。"))
@click.argument("about", default="")
@click.option("--out", type=FOLDER, help=_("另存为文件"))
@click.option("--json", "as_json", is_flag=True)
def results(about: str, out: Path | None, as_json: bool) -> None:
    """What goes back to the authority."""
    with opened(writes=True) as host:
        for uid in [about] if about else _uids(host):
            made = site_exchange.make_results(desk_of(host), at_the_console(), uid)
            _told(host, made, f"results-{uid[:8]}", out, as_json)


@site.command(help=_("制作证据图片包，直到图片都已制作；在机构收下回传包之后交给机构。"))
@click.argument("about")
@click.option("--out", type=FOLDER, required=True, help=_("另存为文件"))
@click.option("--json", "as_json", is_flag=True)
def pictures(about: str, out: Path, as_json: bool) -> None:
    """The second part of what goes back, in files that are taken one by one."""
    with opened(writes=True) as host:
        number = 0
        while made := site_exchange.make_pictures(desk_of(host), at_the_console(), about):
            number += 1
            _told(host, made, f"pictures-{about[:8]}-{number}", out, as_json)


def _uids(host: Host) -> list[str]:
    with host.db.read() as session:
        return [row.uid for row in site_results.of_authority(session) if row.returned_at is None]


@site.command(help=_("从机构取回下发包并收下。"))
@click.option("--json", "as_json", is_flag=True)
def pull(as_json: bool) -> None:
    """One exchange over the line; what came whole is taken in."""
    _exchange(as_json)


@site.command(help=_("把制作好的回传包发给机构。"))
@click.option("--json", "as_json", is_flag=True)
def push(as_json: bool) -> None:
    """The same exchange: both ways in one."""
    _exchange(as_json)


def _exchange(as_json: bool) -> None:
    with opened(writes=True) as host:
        try:
            done = Link(host).exchange()
        except LinkDown as fault:
            raise Refused("site_link_failed", 503, why=str(fault)) from fault
    line = {
        "dispatches": done.dispatches,
        "parts_in": done.parts_in,
        "parts_out": done.parts_out,
        "results": done.results,
    }
    text = _("收到下发包 %(dispatches)s 份，发出 %(parts_out)s 部分，机构收下回传包 %(results)s 份", **line)
    click.echo(json.dumps(line) if as_json else text)


@site.command(name="status", help=_("本考点收到的场次和回传情况。"))
@click.option("--json", "as_json", is_flag=True)
def site_status(as_json: bool) -> None:
    """What the site would tell the authority, and its files."""
    with opened(writes=False) as host, host.db.read() as session:
        said = site_wall.report(session)
        files = [_file_line(one) for one in site_files.files(session)]
    click.echo(json.dumps({**said, "files": files}, ensure_ascii=False, indent=None if as_json else 1))


@authority.command(name="status", help=_("各考点的情况。"))
@click.option("--json", "as_json", is_flag=True)
def authority_status(as_json: bool) -> None:
    """The wall as lines."""
    with opened(writes=False) as host, host.db.read() as session:
        lines = site_wall.wall(session, at_the_console(), now=host.now())
    for line in lines:
        if as_json:
            click.echo(json.dumps(_plain(line), ensure_ascii=False))
        else:
            counts = f"{line.released}/{line.rooms}\t{line.answering}\t{line.collected}/{line.seats}"
            why = f"\t{problem_text(line.refused)}" if line.refused else ""
            click.echo(f"{line.site}\t{line.batch} · {line.sitting}\t{line.delivered}\t{counts}{why}")


def _file_line(file: site_files.FileView) -> dict[str, Any]:
    return {
        "uid": file.uid,
        "kind": file.kind,
        "incoming": file.incoming,
        "state": file.state,
        "number": file.number,
        "about": file.about,
        "size": file.size,
    }


def _plain(line: site_wall.WallLine) -> dict[str, Any]:
    return {
        "site": line.site,
        "batch": line.batch,
        "sitting": line.sitting,
        "delivered": line.delivered,
        "refused": line.refused.to_json() if line.refused else None,
        "verified": line.verified,
        "released": line.released,
        "rooms": line.rooms,
        "open": line.open,
        "seats": line.seats,
        "answering": line.answering,
        "collected": line.collected,
        "contact_at": line.contact_at.isoformat() if line.contact_at else "",
        "age": line.age,
    }
