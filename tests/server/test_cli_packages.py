"""`examhall papers seal | open | verify` as typed, over a sealed sitting and without any server."""

import base64
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from itembank.package import new_signing_key
from server.access import Actor
from server.cli import main
from server.host import Host
from server.services import ceremony, package_delivery, package_release
from server.services.signed import Signed
from tests.server import package_kit, preparing
from tests.server.desk import said
from tests.server.package_kit import Vaulted

Examhall = Callable[..., Result]


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Vaulted:
    return package_kit.vaulted(host, person_as)


@pytest.fixture
def examhall(host: Host, monkeypatch: pytest.MonkeyPatch) -> Examhall:
    @contextmanager
    def opened(*, writes: bool) -> Iterator[Host]:
        yield host

    monkeypatch.setattr("server.cli.papers_packages.opened", opened)

    def run(*arguments: object, typed: tuple[str, ...] = ()) -> Result:
        lines = "".join(f"{line}\n" for line in typed)
        return CliRunner().invoke(main, ["papers", *map(str, arguments)], input=lines)

    return run


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Examhall:
    """A machine that has no server."""

    def opened(*, writes: bool) -> None:
        raise AssertionError("there is no server here")

    monkeypatch.setattr("server.cli.papers_packages.opened", opened)

    def run(*arguments: object, typed: tuple[str, ...] = ()) -> Result:
        lines = "".join(f"{line}\n" for line in typed)
        return CliRunner().invoke(main, ["papers", *map(str, arguments)], input=lines)

    return run


@pytest.fixture
def file(stage: Vaulted, tmp_path: Path) -> Path:
    path = tmp_path / "room.expkg"
    path.write_bytes(stage.package().data)
    return path


@pytest.fixture
def site_key(host: Host) -> str:
    return base64.b64encode(host.site.public_key).decode()


class TestVerify:
    def test_tells_what_the_package_is_without_a_server(
        self, away: Examhall, stage: Vaulted, file: Path, site_key: str, tmp_path: Path
    ) -> None:
        shown = away("verify", file, "--key", site_key, "--json")
        content = json.loads(shown.output)
        package = stage.package()
        assert (content["package"], content["sha256"]) == (package.uid, package.sha256)
        assert (content["room"], content["forms"], content["spare"]) == (stage.row().uid, ["A", "B"], False)
        assert (content["suite"], content["min_version"]) == ("intl", package.min_version)
        assert content["not_before"] == package.not_before.isoformat()
        (tmp_path / "site.key").write_text(site_key + "\n")
        plain = away("verify", file, "--key", tmp_path / "site.key").output
        assert stage.row().uid in plain
        assert "正卷" in plain

    def test_at_the_server_the_key_is_known(self, examhall: Examhall, file: Path) -> None:
        assert examhall("verify", file, "--json").exit_code == 0

    def test_another_authority_a_changed_byte_and_a_bad_key_are_refused(
        self, away: Examhall, file: Path, site_key: str
    ) -> None:
        foreign = base64.b64encode(new_signing_key()[1]).decode()
        broken = said("package_file_broken", file=file.name)
        answer = away("verify", file, "--key", foreign)
        assert (answer.exit_code, broken in answer.output) == (1, True)
        data = bytearray(file.read_bytes())
        data[-100] ^= 1
        file.write_bytes(bytes(data))
        assert broken in away("verify", file, "--key", site_key).output
        assert said("key_unreadable", file="AAAA") in away("verify", file, "--key", "AAAA").output


class TestSeal:
    def test_seals_rooms_and_keeps_the_files(
        self, examhall: Examhall, stage: Vaulted, password: str, tmp_path: Path
    ) -> None:
        crew = stage.crew
        named = ("--custodian", f"{crew.chief.name}/chief_invigilator", "--custodian", crew.custodian.name)
        who = ("--as", crew.administrator.name, "--witness", crew.chief.name, "--out", tmp_path, "--json")
        shown = examhall("seal", stage.room, *named, *who, typed=(password, password))
        assert shown.exit_code == 0, shown.output
        lines = [json.loads(line) for line in shown.output.splitlines() if line.startswith("{")]
        assert [(line["spare"], line["forms"]) for line in lines] == [(False, ["A", "B"]), (True, ["C"])]
        assert {Path(line["file"]).stat().st_size for line in lines} == {line["size"] for line in lines}
        assert [state for _spare, state in stage.states()] == ["superseded", "superseded", "sealed", "sealed"]

    def test_is_refused_as_on_the_page(self, examhall: Examhall, stage: Vaulted, password: str) -> None:
        crew = stage.crew
        alone = ("--as", crew.administrator.name, "--custodian", crew.chief.name)
        shown = examhall("seal", stage.room, *alone, typed=(password,))
        assert said("custodians_of_two_roles") in shown.output
        pair = (*alone, "--custodian", crew.custodian.name)
        assert said("key_witness_missing") in examhall("seal", stage.room, *pair, typed=(password,)).output
        assert said("wrong_credentials") in examhall("seal", stage.room, *pair, typed=("wrong",)).output
        nobody = ("--as", crew.administrator.name, "--custodian", "nobody")
        assert said("duty_without_role") in examhall("seal", stage.room, *nobody, typed=(password,)).output
        assert len(stage.states()) == 2


class TestOpenAtTheServer:
    def typed(self, password: str) -> tuple[str, ...]:
        return (password, preparing.PASSPHRASE, password, preparing.PASSPHRASE)

    def who(self, stage: Vaulted) -> tuple[str, ...]:
        return ("--as", stage.crew.chief.name, "--as", stage.crew.custodian.name)

    def test_releases_the_room_and_shows_no_word_of_the_paper(
        self, examhall: Examhall, stage: Vaulted, file: Path, password: str, machine
    ) -> None:
        early = examhall("open", file, *self.who(stage), typed=self.typed(password))
        assert (early.exit_code, stage.package().state) == (1, "sealed")
        machine.advance(hours=20)
        shown = examhall("open", file, *self.who(stage), "--json", typed=self.typed(password))
        assert shown.exit_code == 0, shown.output
        assert stage.package().state == "released"
        assert "stem" not in shown.output
        assert preparing.PASSPHRASE not in shown.output
        assert json.loads(shown.output.splitlines()[-1])["opened"] == ["A", "B"]

    def test_an_export_is_agreed_by_both_and_on_the_record(
        self,
        host: Host,
        examhall: Examhall,
        stage: Vaulted,
        file: Path,
        password: str,
        machine,
        tmp_path: Path,
    ) -> None:
        machine.advance(hours=20)
        out = tmp_path / "forms.json"
        arguments = ("open", file, *self.who(stage), "--export", "--out", out)
        shown = examhall(*arguments, typed=self.typed(password))
        assert shown.exit_code == 0, shown.output
        assert f"即同意把试卷明文写入 {out}" in shown.output
        content = json.loads(out.read_text())
        assert set(content["forms"]) == {"A", "B"}
        assert content["forms"]["A"]["items"][0]["stem"]
        assert "answer" not in out.read_text()
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        with host.db.read() as session:
            from server.services import audit

            acts = [line.act for line in audit.page(session, stream=audit.sitting_stream(stage.room))]
        assert acts[:2] == ["forms_exported", "package_released"]

    def test_a_file_that_is_not_the_rooms_package(
        self, examhall: Examhall, stage: Vaulted, file: Path, machine
    ) -> None:
        machine.advance(hours=20)
        stage.seal()
        assert said("package_not_in_force") in examhall("open", file, *self.who(stage)).output
        file.write_bytes(stage.spare().data)
        assert said("package_not_in_force") in examhall("open", file, *self.who(stage)).output

    @pytest.mark.parametrize("given", [(), ("--as", "a"), ("--as", "a", "--as", "b", "--export")])
    def test_what_is_missing_is_said_at_once(
        self, examhall: Examhall, file: Path, given: tuple[str, ...]
    ) -> None:
        assert examhall("open", file, *given).exit_code == 2


class TestOpenAlone:
    @pytest.fixture
    def keys(self, host: Host, stage: Vaulted, tmp_path: Path) -> tuple[Path, Path]:
        paths = []
        for who in (stage.crew.chief, stage.crew.custodian):
            path = tmp_path / f"{who.name}.json"
            path.write_bytes(host.db.write(ceremony.take_key, who, now=host.now()))
            paths.append(path)
        return paths[0], paths[1]

    @pytest.fixture
    def code(self, host: Host, stage: Vaulted, machine, monkeypatch: pytest.MonkeyPatch) -> str:
        machine.advance(hours=20)
        moment = host.now()

        class Clock:
            @staticmethod
            def now(_zone: object) -> object:
                return moment

        monkeypatch.setattr("server.cli.papers_packages.datetime", Clock)
        who = Signed(stage.crew.administrator, "", stage.crew.chief)
        return host.db.write(package_release.issue_code, who, stage.room, now=host.now())

    def run(
        self, away: Examhall, file: Path, keys: tuple[Path, Path], given: dict[str, object], *typed: str
    ) -> Result:
        fixed = ("--keyfile", keys[0], "--keyfile", keys[1])
        options = [part for name, value in given.items() for part in (f"--{name}", value)]
        return away("open", file, *fixed, *options, "--json", typed=typed)

    def test_two_key_files_and_the_code_open_it(
        self,
        away: Examhall,
        stage: Vaulted,
        file: Path,
        keys: tuple[Path, Path],
        code: str,
        site_key: str,
    ) -> None:
        given = {"key": site_key, "room": stage.row().uid}
        words = (preparing.PASSPHRASE, preparing.PASSPHRASE)
        shown = self.run(away, file, keys, given, *words, code.lower())
        assert shown.exit_code == 0, shown.output
        assert json.loads(shown.output.splitlines()[-1])["opened"] == ["A", "B"]
        wrong = self.run(away, file, keys, given, *words, code[:-1] + ("2" if code[-1] != "2" else "3"))
        assert said("room_code_group", group=7) in wrong.output
        other = self.run(away, file, keys, {**given, "room": "another"}, *words, code)
        assert said("release_wrong_room") in other.output
        name = stage.crew.chief.name
        assert said("release_wrong_passphrase", name=name) in self.run(away, file, keys, given, "x").output
        twice = self.run(away, file, (keys[0], keys[0]), given, *words, code)
        assert said("release_same_person") in twice.output

    def test_an_export_never_writes_over_a_file(
        self,
        away: Examhall,
        stage: Vaulted,
        file: Path,
        keys: tuple[Path, Path],
        code: str,
        site_key: str,
        tmp_path: Path,
    ) -> None:
        given = {"key": site_key, "room": stage.row().uid, "out": tmp_path / "out.json"}
        words = (preparing.PASSPHRASE, preparing.PASSPHRASE, code)
        fixed = ("--keyfile", keys[0], "--keyfile", keys[1], "--export")
        options = [part for name, value in given.items() for part in (f"--{name}", value)]
        assert away("open", file, *fixed, *options, typed=words).exit_code == 0
        again = away("open", file, *fixed, *options, typed=words)
        assert said("file_there", file="out.json") in again.output

    def test_a_file_that_is_no_key_file(
        self, away: Examhall, stage: Vaulted, file: Path, keys: tuple[Path, Path], site_key: str
    ) -> None:
        keys[0].write_text("{}")
        shown = self.run(away, file, keys, {"key": site_key, "room": stage.row().uid})
        assert said("keyfile_of_nobody", file=keys[0].name) in shown.output


def test_taking_a_file_out_is_for_key_holders(host: Host, stage: Vaulted) -> None:
    from server.errors import Forbidden

    with pytest.raises(Forbidden):
        host.db.write(package_delivery.take_out, stage.crew.invigilator, stage.package().id, now=host.now())
