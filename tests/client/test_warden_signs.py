"""What a machine shows of itself, on folders like the kernel's; the real ones can be read too."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import warden_signs as signs
from client.warden import system_clocks
from client.warden_signs import Clocks, UsbDevice

QUIET = Clocks(wall=1_000_000.0, boot=500.0, monotonic=400.0)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def plug(root: Path, port: str, *classes: str, ids: str = "0781:5567") -> None:
    """A USB device with interfaces of these classes."""
    folder = root / "sys/bus/usb/devices"
    vendor, product = ids.split(":")
    put(folder / port / "idVendor", vendor + "\n")
    put(folder / port / "idProduct", product + "\n")
    for number, each in enumerate(classes):
        put(folder / f"{port}:1.{number}" / "bInterfaceClass", each + "\n")


def run(root: Path, pid: int, comm: str, command: str = "", exe: str = "") -> None:
    put(root / f"proc/{pid}/comm", comm + "\n")
    put(root / f"proc/{pid}/cmdline", command)
    if exe:
        os.symlink(exe, root / f"proc/{pid}/exe")


def later(seconds: float, *, wall: float = 0.0, asleep: float = 0.0) -> Clocks:
    """The clocks after so many seconds; the wall clock set by `wall`, of the seconds so many asleep."""
    return Clocks(QUIET.wall + seconds + wall, QUIET.boot + seconds, QUIET.monotonic + seconds - asleep)


@pytest.mark.parametrize(
    ("classes", "uses"),
    [
        (("08",), {"storage"}),
        (("03",), {"input"}),
        (("03", "03"), {"input"}),
        (("03", "08"), {"input", "storage"}),  # a stick that types
        (("06",), {"imaging"}),
        (("02", "0a"), {"network"}),
        (("E0",), {"wireless"}),
        (("09",), set()),  # a hub
        (("0e", "01"), set()),  # a camera with a microphone
        (("",), set()),
    ],
)
def test_devices_that_bring_something_in_or_out(
    tmp_path: Path, classes: tuple[str, ...], uses: set[str]
) -> None:
    plug(tmp_path, "1-2", *classes)
    found = signs.usb_devices(tmp_path)
    assert {device.use for device in found} == uses
    assert {device.ids for device in found} <= {"0781:5567"}


def test_each_use_and_port_is_a_device_of_its_own(tmp_path: Path) -> None:
    plug(tmp_path, "1-2", "08")
    plug(tmp_path, "1-3.1", "08")
    assert signs.usb_devices(tmp_path) == {
        UsbDevice("1-2", "storage", "0781:5567"),
        UsbDevice("1-3.1", "storage", "0781:5567"),
    }


def show(root: Path, name: str, status: str, enabled: str) -> None:
    """A display as the kernel tells of it."""
    put(root / f"sys/class/drm/card0-{name}/status", status + "\n")
    put(root / f"sys/class/drm/card0-{name}/enabled", enabled + "\n")


def test_displays_that_show_a_picture_and_those_that_are_only_plugged_in(tmp_path: Path) -> None:
    show(tmp_path, "HDMI-A-1", "connected", "enabled")
    show(tmp_path, "DP-1", "disconnected", "disabled")
    show(tmp_path, "DP-2", "unknown", "disabled")
    show(tmp_path, "eDP-1", "connected", "disabled")
    assert (signs.screens(tmp_path), signs.screens_plugged(tmp_path)) == (1, 2)
    show(tmp_path, "eDP-1", "connected", "enabled")
    assert (signs.screens(tmp_path), signs.screens_plugged(tmp_path)) == (2, 2)


@pytest.mark.parametrize(("state", "shut"), [("closed", True), ("open", False), ("", False)])
def test_the_lid_of_a_laptop(tmp_path: Path, state: str, shut: bool) -> None:
    assert not signs.lid_closed(tmp_path)
    put(tmp_path / "proc/acpi/button/lid/LID0/state", f"state:      {state}\n")
    assert signs.lid_closed(tmp_path) == shut


@pytest.mark.parametrize(
    ("product", "vendor", "flags", "named"),
    [
        ("OptiPlex 7000", "Dell Inc.", "fpu vme sse", ""),
        ("VirtualBox", "innotek GmbH", "fpu hypervisor", "VirtualBox"),
        ("Standard PC (Q35 + ICH9, 2009)", "QEMU", "fpu", "Standard PC (Q35 + ICH9, 2009)"),
        ("Virtual Machine", "Microsoft Corporation", "fpu", "Virtual Machine"),
        ("OptiPlex 7000", "Xen", "fpu", "Xen"),
        ("OptiPlex 7000", "Dell Inc.", "fpu hypervisor", "hypervisor"),  # dressed up as a real one
        ("", "", "", ""),
    ],
)
def test_a_virtual_machine_by_its_name_or_its_processor(
    tmp_path: Path, product: str, vendor: str, flags: str, named: str
) -> None:
    put(tmp_path / "sys/class/dmi/id/product_name", product + "\n")
    put(tmp_path / "sys/class/dmi/id/sys_vendor", vendor + "\n")
    put(tmp_path / "proc/cpuinfo", f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    assert signs.machine(tmp_path) == named


def test_programs_by_the_kernels_name_and_by_their_file(tmp_path: Path) -> None:
    run(tmp_path, 10, "AnyDesk")
    run(tmp_path, 11, "harmless", exe="/opt/teamviewer/TeamViewer_Service")
    run(tmp_path, 12, "gnome-remote-de", "/usr/libexec/gnome-remote-desktop-daemon\0--user\0")
    run(tmp_path, 13, "bash", "/tmp/obs\0")  # anybody may write that there
    put(tmp_path / "proc/uptime", "1 1")
    found = signs.programs(tmp_path)
    assert {"anydesk", "teamviewer_service", "gnome-remote-desktop-daemon"} < found
    assert "obs" not in found


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("anydesk", {"anydesk"}),
        ("AnyDesk", {"anydesk"}),
        ("any*", {"anydesk", "anyone"}),
        ("*desk", {"anydesk", "rustdesk"}),
        ("desk", set()),  # a part of a name is not the name
        ("rustdes?", {"rustdesk"}),
    ],
)
def test_patterns_of_forbidden_programs(pattern: str, fits: set[str]) -> None:
    assert signs.forbidden({"anydesk", "anyone", "rustdesk", "chromium"}, [pattern]) == fits


@pytest.mark.parametrize(
    ("moved", "seen"), [(2.0, 0.0), (2.01, 2.01), (-2.0, 0.0), (-2.01, -2.01), (3600.0, 3600.0), (0.3, 0.0)]
)
def test_a_wall_clock_that_was_set(moved: float, seen: float) -> None:
    assert signs.wall_step(QUIET, later(0.5, wall=moved)) == pytest.approx(seen)


@pytest.mark.parametrize(("asleep", "seen"), [(0.0, 0.0), (1.0, 0.0), (1.01, 1.01), (900.0, 900.0)])
def test_a_machine_that_slept(asleep: float, seen: float) -> None:
    assert signs.slept(QUIET, later(asleep + 0.5, asleep=asleep)) == pytest.approx(seen)


@given(st.floats(0.0, 1e5), st.floats(-1e6, 1e6), st.floats(0.0, 1e5))
def test_sleep_and_a_set_clock_are_told_apart(seconds: float, wall: float, asleep: float) -> None:
    after = later(seconds + asleep, wall=wall, asleep=asleep)
    assert (signs.wall_step(QUIET, after) != 0.0) == (abs(wall) > signs.STEP_SECONDS) or abs(
        abs(wall) - signs.STEP_SECONDS
    ) < 1e-3
    assert (signs.slept(QUIET, after) != 0.0) == (asleep > signs.SLEEP_SECONDS) or abs(
        asleep - signs.SLEEP_SECONDS
    ) < 1e-3


def test_a_machine_that_shows_nothing_gives_no_sign(tmp_path: Path) -> None:
    assert signs.usb_devices(tmp_path) == signs.programs(tmp_path) == frozenset()
    assert (signs.screens(tmp_path), signs.machine(tmp_path)) == (0, "")


def test_this_machine_can_be_read() -> None:
    root = Path("/")
    assert any("python" in name for name in signs.programs(root))
    assert signs.screens(root) >= 0
    assert isinstance(signs.machine(root), str)
    assert all(device.use for device in signs.usb_devices(root))
    before, after = system_clocks(), system_clocks()
    assert signs.wall_step(before, after) == signs.slept(before, after) == 0.0
