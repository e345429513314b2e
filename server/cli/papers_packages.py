"""`examhall papers seal | open | verify`: sealed packages at the command line, by persons with passwords.

`open` never shows a paper. It proves that every form is readable, and at the server it releases the room as
the page does. Only with `--export --out FILE`, which both custodians are told of before they type, it writes
the forms (never the keys) to a new file that its owner alone may read.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from itembank.custody import ReleaseRefused, open_custodian_key
from itembank.package import (
    CustodianShare,
    PackageBroken,
    PackageHeader,
    ReleaseRequest,
    open_section,
    read_header,
    release,
    section_key,
)
from itembank.room_code import RoomCodeWrong, secret_of_code
from itembank.version import VERSION
from server.access import Actor, Permission, Role
from server.cli.opening import opened
from server.cli.package_keys import custodian_file, public_key
from server.cli.persons import signed_in
from server.cli.words import _
from server.errors import Refused
from server.host import Host
from server.services import package_delivery, package_release, package_sealing, packages, staff
from server.services.custody import KEY_ROLES
from server.services.package_release import Unlocked
from server.services.signed import Signed

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(help=_("为考场密封试卷包（备用卷另成一包）。ROOM 是考场页网址中的编号。"))
@click.argument("rooms", metavar="ROOM...", type=int, nargs=-1, required=True)
@click.option("--as", "username", required=True, help=_("密封人的账号，随后询问密码"))
@click.option(
    "--custodian", "chosen", multiple=True, required=True, help=_("保管人：账号，或账号/角色；至少两名")
)
@click.option("--witness", default="", help=_("复核人账号，首次密封须为所选保管人之一；随后询问密码"))
@click.option("--out", type=FOLDER, help=_("把密封文件另存到此文件夹"))
@click.option("--json", "as_json", is_flag=True)
def seal(  # noqa: PLR0913 - one argument for each option
    rooms: tuple[int, ...],
    username: str,
    chosen: tuple[str, ...],
    witness: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Does what the page does, for one room after the other."""
    with opened(writes=True) as host:
        who = signed_in(host, username, Permission.SEAL_PACKAGE)
        second = signed_in(host, witness, Permission.HOLD_KEY) if witness else None
        custodians = dict(_custodian(host, entry) for entry in chosen)
        if len(custodians) < len(chosen):
            raise Refused("custodian_in_one_role", 422)
        key = host.site.signing_key.private_bytes_raw()
        for room in rooms:
            signed = Signed(who, cosigner=second)
            host.db.write(package_sealing.seal, signed, room, custodians, key, now=host.now())
        for line in [line for room in rooms for line in _sealed(host, who, room, out)]:
            click.echo(json.dumps(line, ensure_ascii=False) if as_json else _as_text(line))


@click.command(help=_("不经服务器核验试卷包：签名、各部分哈希，以及是哪个考场的。"))
@click.argument("file", type=FILE)
@click.option("--key", "key", default="", help=_("签发机构的公钥：base64，或含有它的文件；默认是本机的"))
@click.option("--json", "as_json", is_flag=True)
def verify(file: Path, key: str, as_json: bool) -> None:
    """Reads the whole file and checks every bit of it; opens nothing."""
    data = file.read_bytes()
    if key:
        site_key = public_key(key)
    else:
        with opened(writes=False) as host:
            site_key = host.site.public_key
    content = _facts(_header(data, site_key, file), data)
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else _as_text(content))


@dataclass(frozen=True, slots=True)
class Opening:
    """How a package shall be opened, as asked for."""

    file: Path
    usernames: tuple[str, ...]
    keyfiles: tuple[Path, ...]
    key: str
    room: str
    by_code: bool
    out: Path | None


@click.command(
    name="open",
    help=_("由两名保管人启封。在服务器上用 --as；没有服务器时用 --keyfile、--key、--room 和启封码。"),
)
@click.argument("file", type=FILE)
@click.option("--as", "usernames", multiple=True, help=_("保管人的账号，两次；随后询问密码和保管口令"))
@click.option("--keyfile", "keyfiles", type=FILE, multiple=True, help=_("保管人的密钥文件，两次"))
@click.option("--key", "key", default="", help=_("签发机构的公钥（没有服务器时）"))
@click.option("--room", default="", help=_("本考场的标识（没有服务器时），见 verify"))
@click.option("--code", "by_code", is_flag=True, help=_("询问启封码，代替服务器保存的启封密钥"))
@click.option("--export", "export", is_flag=True, help=_("把试卷明文（不含答案）写入 --out 的文件"))
@click.option("--out", type=click.Path(path_type=Path), help=_("新文件，仅本人可读，不覆盖已有文件"))
@click.option("--json", "as_json", is_flag=True)
def open_(  # noqa: PLR0913 - one argument for each option
    file: Path,
    usernames: tuple[str, ...],
    keyfiles: tuple[Path, ...],
    key: str,
    room: str,
    by_code: bool,
    export: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Opens with two custodians; shows no word of the paper."""
    if export != (out is not None):
        raise click.UsageError(_("--export 和 --out 须一同使用。"))
    at_server = len(usernames) == 2 and not keyfiles
    if not at_server and (usernames or len(keyfiles) != 2 or not key or not room):
        raise click.UsageError(_("请给出两个 --as，或者两个 --keyfile 和 --key、--room。"))
    asked = Opening(file, usernames, keyfiles, key, room, by_code, out)
    content = _open_at_server(asked) if at_server else _open_alone(asked)
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else _as_text(content))


def _open_at_server(asked: Opening) -> dict[str, Any]:
    data = asked.file.read_bytes()
    with opened(writes=True) as host:
        header = _header(data, host.site.public_key, asked.file)
        with host.db.read() as session:
            room, package_id = packages.find(session, header.package, hashlib.sha256(data).hexdigest())
        _warn_of_export(asked)
        holders = tuple(_holder(host, username) for username in asked.usernames)
        code = _ask_code() if asked.by_code else ""
        site_key, write = host.site.public_key, host.db.write
        pair = (holders[0], holders[1])
        write(package_release.open_package, room, pair, site_key, now=host.now(), code=code)
        with host.db.read() as session:
            content_key = packages.content_key(session, packages.get(session, package_id))
        if asked.out is not None:
            signed = Signed(holders[0].actor, cosigner=holders[1].actor)
            write(package_delivery.note_export, signed, package_id, now=host.now())
        return _result(asked, header, data, content_key)


def _open_alone(asked: Opening) -> dict[str, Any]:
    data, site_key = asked.file.read_bytes(), public_key(asked.key)
    header = _header(data, site_key, asked.file)
    _warn_of_export(asked)
    shares = tuple(_share(path) for path in asked.keyfiles)
    try:
        secret = secret_of_code(_ask_code())
    except RoomCodeWrong as wrong:
        raise Refused(wrong.code, 422, **wrong.params) from wrong
    request = ReleaseRequest((shares[0], shares[1]), secret, asked.room, datetime.now(UTC))
    try:
        content_key = release(data, site_key, request)
    except ReleaseRefused as refusal:
        told = {"not_before": header.not_before.isoformat(), "needed": header.min_version, "own": VERSION}
        raise Refused(f"release_{refusal.code}", 403, **told) from refusal
    return _result(asked, header, data, content_key)


def _result(asked: Opening, header: PackageHeader, data: bytes, content_key: bytes) -> dict[str, Any]:
    shown = {place.name for place in header.sections} - {f"key/{form}" for form in header.forms}
    forms = {
        name.rpartition("/")[2]: open_section(data, name, section_key(content_key, name))
        for name in sorted(shown)
    }
    content = _facts(header, data)
    content["opened"] = list(forms)
    if asked.out is not None:
        _write_once(asked.out, {"package": header.package, "room": header.room, "forms": forms})
        content["written"] = str(asked.out)
    return content


def _write_once(path: Path, content: dict[str, Any]) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as fault:
        raise Refused("file_there", file=path.name) from fault
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(content, out, ensure_ascii=False, indent=1)


def _warn_of_export(asked: Opening) -> None:
    if asked.out is not None:
        click.echo(_("两名保管人输入口令即同意把试卷明文写入 %(file)s。", file=asked.out), err=True)


def _ask_code() -> str:
    return str(click.prompt(_("启封码"), err=True))


def _ask_passphrase(name: str) -> str:
    return str(click.prompt(_("%(name)s 的保管口令", name=name), hide_input=True, err=True))


def _holder(host: Host, username: str) -> Unlocked:
    who = signed_in(host, username, Permission.HOLD_KEY)
    with host.db.read() as session:
        sealed = staff.sealed_custodian_key(session, who.user_id)
    if sealed is None:
        raise Refused("custodian_without_key", 422, name=who.name)
    return Unlocked(who, _unlocked(sealed, who.name))


def _share(path: Path) -> CustodianShare:
    holder = custodian_file(path)
    return CustodianShare(holder.id, _unlocked(holder.sealed, holder.name))


def _unlocked(sealed: bytes, name: str) -> bytes:
    try:
        return open_custodian_key(sealed, _ask_passphrase(name))
    except ReleaseRefused as refusal:
        raise Refused("release_wrong_passphrase", 422, name=name) from refusal


def _header(data: bytes, site_key: bytes, file: Path) -> PackageHeader:
    try:
        return read_header(data, site_key)
    except PackageBroken as fault:
        raise Refused("package_file_broken", file=file.name) from fault


def _facts(header: PackageHeader, data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), **header.facts()}


def _custodian(host: Host, entry: str) -> tuple[int, Role]:
    """A user id and the role: the one named, else the first that may hold keys."""
    name, _sep, named = entry.partition("/")
    with host.db.read() as session:
        account = staff.find_account(session, staff.tidy_username(name))
    held = [role for role in KEY_ROLES if account is not None and role in account.actor.roles]
    fitting = [role for role in held if named in ("", str(role))]
    if account is None or not fitting:
        raise Refused("duty_without_role", 422, user=name)
    return account.id, fitting[0]


def _sealed(host: Host, who: Actor, room: int, out: Path | None) -> list[dict[str, Any]]:
    with host.db.read() as session:
        rows = [row for row in (packages.current(session, room), packages.spare_of(session, room)) if row]
        found = [(row.id, row.data) for row in rows]
    lines = []
    for package_id, data in found:
        line: dict[str, Any] = _facts(read_header(data, host.site.public_key), data)
        if out is not None:
            name, _data = host.db.write(package_delivery.take_out, who, package_id, now=host.now())
            (out / name).write_bytes(data)
            line["file"] = str(out / name)
        lines.append({"room_sitting": room, **line})
    return lines


def _as_text(content: dict[str, Any]) -> str:
    yes = _("备用卷") if content["spare"] else _("正卷")
    lines = [
        (_("试卷包"), f"{content['package']} · {yes}"),
        (_("考场"), content["room"]),
        (_("最早启封"), content["not_before"]),
        (_("卷别"), "、".join(content["forms"])),
        (_("密码套件"), content["suite"]),
        (_("程序版本不低于"), content["min_version"] or "—"),
        (_("保管人"), "、".join(f"{each['name']}（{each['role']}）" for each in content["custodians"])),
        ("SHA-256", content["sha256"]),
        (_("已启封"), "、".join(content.get("opened", []))),
        (_("文件"), content.get("file") or content.get("written") or ""),
    ]
    return "\n".join(f"{label}\t{value}" for label, value in lines if value)
