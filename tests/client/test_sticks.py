"""USB sticks: how a workstation mounts them, and where the agent looks for them on each system."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from client import machine, rescue, workstation
from client.lockdown_check import sticks_unmounted
from client.lockdown_stick import PLACE, RULE_PATH, SCRIPT_PATH, UNIT_PATH, stick_files
from client.lockdown_system import KIOSK_USER, Plan

ROOT_ONLY = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mkfs.ext4") is None or not Path("/dev/loop-control").exists(),
    reason="mounting takes root's rights, mkfs.ext4 and a loop device",
)


def spelled(place: Path) -> bytes:
    """A path as the kernel writes it into the list of mounts."""
    raw = os.fsencode(place)
    for sign in b"\\ \t\n#":
        raw = raw.replace(bytes([sign]), b"\\%03o" % sign)
    return raw


# Where the agent looks


@pytest.mark.parametrize("name", ["考试U盘", "USB DISK", "a\\040b", "tab\tline\nend", "#1", "é"])
def test_a_stick_of_any_name_is_found(tmp_path: Path, name: str) -> None:
    stick = tmp_path / name
    stick.mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_bytes(b"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 " + spelled(stick) + b" vfat rw 0 0\n\nbroken\n")
    assert list(rescue.sticks([f"{tmp_path}/"], mounts)) == [stick]


def test_a_name_that_is_no_utf_8_is_found(tmp_path: Path) -> None:
    stick = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xbf\xbc\xca\xd4"))  # 考试 in GBK
    stick.mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_bytes(b"/dev/sdb1 " + spelled(stick) + b" vfat rw 0 0\n")
    assert list(rescue.sticks([f"{tmp_path}/"], mounts)) == [stick]


def test_macos_names_its_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volumes = tmp_path / "Volumes"
    (volumes / "考试").mkdir(parents=True)
    (volumes / "folder").mkdir()
    monkeypatch.setattr(machine, "VOLUMES", volumes)
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "考试")
    assert list(rescue.sticks(mounts=tmp_path / "none")) == [volumes / "考试"]


def test_windows_names_its_removable_drives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    types = {"C:\\": 3, "D:\\": 5, "E:\\": 2, "Z:\\": 4}
    kernel = SimpleNamespace(
        GetLogicalDrives=lambda: sum(1 << ord(root[0]) - ord("A") for root in types),
        GetDriveTypeW=types.__getitem__,
    )
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    assert machine.removable_drives() == [Path("E:\\")]
    assert list(rescue.sticks(mounts=tmp_path / "none")) == []  # not there, so not writable


def test_a_system_without_either_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "VOLUMES", tmp_path / "none")
    assert list(rescue.sticks(mounts=tmp_path / "none")) == []


# How a set-up workstation mounts them


def test_the_set_up_mounts_sticks_and_the_check_misses_it(tmp_path: Path) -> None:
    assert [one.code for one in sticks_unmounted(tmp_path)] == [
        *("stick_rule_missing", "stick_unit_missing", "stick_script_missing")
    ]
    workstation.install(Plan("http://127.0.0.1:8321"), tmp_path)
    assert sticks_unmounted(tmp_path) == []
    script = tmp_path / SCRIPT_PATH[1:]
    assert script.stat().st_mode & 0o777 == 0o755
    script.write_text(script.read_text().replace("noexec", "exec"))
    assert [one.code for one in sticks_unmounted(tmp_path)] == ["stick_script_differs"]
    assert workstation.main(["--check", "--root", str(tmp_path)]) == 1


def test_the_rule_starts_the_unit_and_the_unit_the_script() -> None:
    files = stick_files(KIOSK_USER)
    unit = Path(UNIT_PATH).name.replace("@", "@%k")
    assert files[RULE_PATH].count("\n") == 1 and unit in files[RULE_PATH]
    assert f"ExecStart={SCRIPT_PATH} mount %I" in files[UNIT_PATH]
    assert "BindsTo=dev-%i.device" in files[UNIT_PATH]  # pulled out: the unit ends and lets go
    assert PLACE.startswith(rescue.MOUNT_ROOTS)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The system's programs, standing in: they write down what they are called with."""
    programs = {
        "mount": 'echo "mount $*" >> "$LOG"; [ ! -e "$LOG.fails" ]',
        "umount": 'echo "umount $*" >> "$LOG"',
        "findmnt": '[ -e "$LOG.mounted" ]',
        "blkid": 'echo "$TYPE"',
        "id": "echo 990",
        "chown": 'echo "chown $*" >> "$LOG"',
    }
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def run_script(tools: Path, act: str, kind: str) -> tuple[int, list[str]]:
    """Exit status, and what the script called, with the place below the test's folder."""
    log, place = tools.parent / "log", tools.parent / "media"
    log.unlink(missing_ok=True)
    script = stick_files(KIOSK_USER)[SCRIPT_PATH].replace(PLACE, str(place))
    done = subprocess.run(
        ["sh", "-c", script, "stick", act, "sdb1"],
        env={"PATH": f"{tools}:/usr/bin:/bin", "LOG": str(log), "TYPE": kind},
        check=False,
        capture_output=True,
    )
    return done.returncode, log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    ("kind", "type_", "rest"),
    [
        ("vfat", "vfat", ",uid=990,gid=990,umask=077,utf8=1"),
        ("exfat", "exfat", ",uid=990,gid=990,umask=077,iocharset=utf8"),
        ("ntfs", "ntfs3", ",uid=990,gid=990,umask=077,iocharset=utf8"),
        ("ext4", "ext4", ""),
    ],
)
def test_every_kind_is_the_users_and_nothing_on_it_runs(
    tools: Path, kind: str, type_: str, rest: str
) -> None:
    place = tools.parent / "media" / "sdb1"
    status, called = run_script(tools, "mount", kind)
    given = [f"chown {KIOSK_USER}: {place}"] if kind == "ext4" else []
    mounted = f"mount -t {type_} -o nosuid,nodev,noexec{rest} /dev/sdb1 {place}"
    assert (status, called) == (0, [mounted, *given])
    assert run_script(tools, "umount", kind) == (0, [f"umount --lazy {place}"])
    assert not place.exists()


def test_what_is_mounted_strange_or_broken_is_left_alone(tools: Path) -> None:
    place = tools.parent / "media" / "sdb1"
    assert run_script(tools, "mount", "crypto_LUKS") == (1, [])
    (tools.parent / "log.mounted").touch()
    assert run_script(tools, "mount", "ext4") == (0, [])
    (tools.parent / "log.mounted").unlink()
    (tools.parent / "log.fails").touch()
    assert run_script(tools, "mount", "vfat")[0] == 1
    assert not place.exists()


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[str]:
    """A block device with an ext4 file system, by its name below /dev."""
    image = tmp_path / "stick.img"
    with image.open("wb") as file:
        file.truncate(4 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    made = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip("no loop device is to be had")
    device = made.stdout.strip()
    yield Path(device).name
    subprocess.run(["losetup", "-d", device], check=True)


@ROOT_ONLY
def test_a_real_device_is_mounted_found_and_let_go(loop: str, tmp_path: Path) -> None:
    place = tmp_path / "media" / loop
    script = stick_files("nobody")[SCRIPT_PATH].replace(PLACE, str(place.parent))

    def run(act: str) -> None:
        subprocess.run(["sh", "-c", script, "stick", act, loop], check=True, capture_output=True)

    run("mount")
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        (options,) = [line[3].split(",") for line in mounts if line[1] == str(place)]
        assert {"nosuid", "nodev", "noexec", "rw"} <= set(options)
        assert place.owner() == "nobody"
        assert list(rescue.sticks([f"{tmp_path}/"])) == [place]
        run("mount")  # told twice of one device: it stays mounted once
        assert Path("/proc/mounts").read_text().count(f" {place} ") == 1
    finally:
        run("umount")
    assert list(rescue.sticks([f"{tmp_path}/"])) == [] and not place.exists()
