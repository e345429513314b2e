"""What closes a workstation: policies, keys, files; and what the check finds open."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from client import lockdown_check, workstation
from client.lockdown_check import Opening, browser_program, files_open, machine_open, sandbox_usable
from client.lockdown_openbox import rc_xml, swallowed_keys
from client.lockdown_policy import (
    POLICY_PATH,
    browser_flags,
    managed_policy,
    page_origin,
    policy_hash,
    policy_text,
)
from client.lockdown_screens import kept, leave, outputs
from client.lockdown_stick import stick_files
from client.lockdown_system import CONFIG_PATH, KIOSK_USER, SESSION_PATH, Plan, lockdown_files, system_files

ORIGIN = "http://127.0.0.1:8321"
LIT = {"status": "connect", "enabled": "enabl"}
RC = "{http://openbox.org/3.4/rc}"


def test_the_policy_leaves_one_origin_and_names_the_pages_that_a_star_does_not_cover() -> None:
    policy = json.loads(policy_text(ORIGIN))
    assert policy["URLAllowlist"] == [ORIGIN]
    assert {"*", "chrome://*", "file://*", "view-source:*", "javascript://*"} <= set(policy["URLBlocklist"])
    for closed in (
        "PrintingEnabled",
        "AllowFileSelectionDialogs",
        "RemoteDebuggingAllowed",
        "TranslateEnabled",
    ):
        assert policy[closed] is False
    assert (policy["DeveloperToolsAvailability"], policy["IncognitoModeAvailability"]) == (2, 1)
    assert policy == dict(managed_policy(ORIGIN))
    assert policy_hash(ORIGIN) != policy_hash(page_origin(9000))


def test_the_browser_is_started_with_its_sandbox_and_without_a_debugging_port() -> None:
    flags = browser_flags("/p", "http://127.0.0.1:1/#launch=x")
    assert flags[0] == "--kiosk" and "--user-data-dir=/p" in flags
    for never in ("--no-sandbox", "--remote-debugging", "--app", "--incognito"):
        assert not [flag for flag in flags if flag.startswith(never)]


@pytest.mark.parametrize(
    "key",
    [
        "F5",
        "F12",
        "C-t",
        "C-n",
        "C-w",
        "A-F4",
        "C-S-i",
        "C-S-Delete",
        "S-Escape",
        "A-Tab",
        "Super_L",
        "W-e",
        "C-A-t",
        "C-A-F1",
        "C-plus",
        "C-S-plus",
        "Print",
        "Menu",
        "A-Left",
        "C-Next",
    ],
)
def test_a_key_that_leads_elsewhere_is_swallowed(key: str) -> None:
    assert key in swallowed_keys()


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "Escape",
        "Tab",
        "S-Tab",
        "Return",
        "C-Return",
        "C-a",
        "C-z",
        "C-y",
        "C-space",
        "Left",
        "C-Left",
        "space",
        "C-S-Left",
        "BackSpace",
        "C-BackSpace",
        "Home",
    ],
)
def test_a_key_that_the_page_needs_is_not(key: str) -> None:
    assert key not in swallowed_keys()


def test_the_window_manager_knows_swallowed_keys_and_one_use_of_the_mouse() -> None:
    keys = swallowed_keys()
    assert len(keys) == len(set(keys))
    tree = ET.fromstring(rc_xml(keys))
    binds = [bind.get("key") for bind in tree.iter(f"{RC}keybind")]
    assert binds == list(keys)
    assert {action.text for action in tree.iter(f"{RC}command")} == {"true"}
    assert [(m.get("button"), m.get("action")) for m in tree.iter(f"{RC}mousebind")] == [("Left", "Press")]
    assert "menu.xml" not in rc_xml(keys)


def test_a_strange_key_cannot_leave_its_attribute() -> None:
    tree = ET.fromstring(rc_xml(['"/><x y="<&']))
    assert [bind.get("key") for bind in tree.iter(f"{RC}keybind")] == ['"/><x y="<&']


def test_the_session_runs_the_agent_with_its_arguments_until_it_ends_well(tmp_path: Path) -> None:
    agent = tmp_path / "my python"
    agent.write_text('#!/bin/sh\nprintf "%s|" "$@"\n[ -e ended ] || { touch ended; exit 1; }\n')
    agent.chmod(0o755)
    for tool in ("setxkbmap", "xset", "sleep"):
        (tmp_path / tool).write_text("#!/bin/sh\n")
        (tmp_path / tool).chmod(0o755)
    files = system_files(Plan(page_origin(9000), str(agent), ("--camera-id", "a b'c")))
    config = tmp_path / "conf"
    config.write_text(files[CONFIG_PATH])
    done = subprocess.run(
        ["sh", "-c", files[SESSION_PATH].replace(CONFIG_PATH, str(config))],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    once = "-m|client|--kiosk|--data|/var/lib/examhall-kiosk|--port|9000|--camera-id|a b'c|"
    assert done.stdout == once * 2


def test_installing_twice_changes_nothing_and_the_check_finds_nothing_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--install", "--root", str(tmp_path), "--json", "--", "--server", "https://exam.local:8443"]
    assert workstation.main(arguments) == 0
    first = json.loads(capsys.readouterr().out)["files"]
    assert set(first.values()) == {"new"} and POLICY_PATH in first
    assert workstation.main(arguments) == 0
    assert set(json.loads(capsys.readouterr().out)["files"].values()) == {"same"}
    assert workstation.main(["--check", "--root", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["openings"] == []
    assert (tmp_path / SESSION_PATH[1:]).stat().st_mode & 0o777 == 0o755
    assert (tmp_path / POLICY_PATH[1:]).stat().st_mode & 0o777 == 0o644


def test_a_later_set_up_without_arguments_keeps_those_of_the_agent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workstation.main(["--install", "--root", str(tmp_path), "--", "--server", "https://here:1"])
    workstation.main(["--install", "--root", str(tmp_path)])
    assert f"kept    {CONFIG_PATH}" in capsys.readouterr().out
    assert "https://here:1" in (tmp_path / CONFIG_PATH[1:]).read_text()


def test_the_check_says_what_is_missing_what_differs_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(tmp_path)]
    assert workstation.main(["--check", *root]) == 1
    assert "policy_missing" in capsys.readouterr().out
    workstation.main(["--install", *root])
    policy = tmp_path / POLICY_PATH[1:]
    policy.write_text(policy.read_text().replace('"PrintingEnabled": false', '"PrintingEnabled": true'))
    (policy.parent / "more.json").write_text('{"URLAllowlist": ["example.org"]}')
    (policy.parent / "else.json").write_text('{"HomepageLocation": "http://127.0.0.1"}')
    assert [opening.code for opening in files_open(ORIGIN, tmp_path)] == ["policy_differs", "policy_other"]
    assert workstation.main(["--check", *root]) == 1


def test_the_set_up_of_another_port_is_open_for_this_one(tmp_path: Path) -> None:
    workstation.install(Plan(page_origin(9000)), tmp_path)
    assert [opening.code for opening in files_open(ORIGIN, tmp_path)] == ["policy_differs"]


def machine(root: Path, **files: str) -> Path:
    """A machine as a folder: `proc__sys__kernel__sysrq="0"` is the file proc/sys/kernel/sysrq."""
    base = {
        "etc__passwd": f"root:x:0:0::/root:/bin/sh\n{KIOSK_USER}:x:990:990::/var/lib:/usr/sbin/nologin\n",
        "etc__group": "root:x:0:\nsudo:x:27:somebody\nvideo:x:44:\n",
        "proc__sys__kernel__sysrq": "0\n",
    }
    for name, text in {**base, **files}.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def codes(openings: list[Opening]) -> set[str]:
    return {opening.code for opening in openings}


def test_a_sound_machine_has_nothing_open(tmp_path: Path) -> None:
    assert machine_open(machine(tmp_path)) == []


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"etc__passwd": "root:x:0:0::/root:/bin/sh\n"}, "user_missing"),
        ({"etc__group": f"sudo:x:27:a,{KIOSK_USER}\n"}, "user_privileged"),
        ({"etc__passwd": f"{KIOSK_USER}:x:0:990::/:/bin/sh\n"}, "user_privileged"),
        ({"etc__passwd": f"{KIOSK_USER}:x:990:27::/:/bin/sh\n"}, "user_privileged"),
        ({"proc__sys__kernel__sysrq": "438\n"}, "sysrq_active"),
        ({"proc__sys__kernel__unprivileged_userns_clone": "0\n"}, "sandbox_unusable"),
        ({"proc__77__comm": "x11vnc\n"}, "forbidden_process"),
        (
            {f"sys__class__drm__{n}__{file}": f"{w}ed" for n in "ab" for file, w in LIT.items()},
            "screens_many",
        ),
    ],
)
def test_what_is_open_on_a_machine_is_named(tmp_path: Path, files: dict[str, str], code: str) -> None:
    assert codes(machine_open(machine(tmp_path, **files))) == {code}


def test_a_virtual_machine_is_a_hint_and_no_failure(tmp_path: Path) -> None:
    found = machine_open(machine(tmp_path, sys__class__dmi__id__product_name="VirtualBox\n"))
    assert [(opening.code, opening.hint) for opening in found] == [("virtual_machine", True)]


def test_a_second_display_that_shows_nothing_is_a_hint_and_no_failure(tmp_path: Path) -> None:
    drm = {f"sys__class__drm__{name}__status": "connected" for name in "ab"}
    found = machine_open(machine(tmp_path, sys__class__drm__a__enabled="enabled", **drm))
    assert [(opening.code, opening.found, opening.hint) for opening in found] == [
        ("screens_plugged", "2", True)
    ]


@pytest.mark.parametrize(
    ("name", "target", "taken"),
    [
        ("chromium", "usr/lib/chromium/chromium", True),
        ("chromium", "usr/bin/snap", False),  # a snap's program is a link to snap itself
        ("chromium-browser", "usr/lib/chromium-browser/chromium-browser", False),
    ],
)
def test_only_the_browser_that_reads_our_policies_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, target: str, taken: bool
) -> None:
    program = tmp_path / target
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / name).symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser_program() == (str(tmp_path / name) if taken else "")


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockdown_check.shutil, "which", lambda name: None)
    assert codes(machine_open(machine(tmp_path))) == {
        *("browser_missing", "window_manager_missing", "xrandr_missing", "setxkbmap_missing")
    }


def test_closed_user_namespaces_are_fine_with_the_setuid_helper(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__sys__user__max_user_namespaces="0\n")
    assert not sandbox_usable(root)
    helper = root / "usr/lib/chromium/chrome-sandbox"
    helper.parent.mkdir(parents=True)
    helper.write_text("")
    helper.chmod(0o4755)
    assert sandbox_usable(root) == (helper.stat().st_uid == 0)


XRANDR = """Screen 0: minimum 320 x 200, current 3200 x 1080, maximum 8192 x 8192
HDMI-1 connected 1280x1024+1920+0 (normal left inverted right x axis y axis) 338mm x 270mm
   1280x1024     60.02*+
DP-1 disconnected (normal left inverted right x axis y axis)
eDP-1 connected primary 1920x1080+0+0 (normal left inverted right x axis y axis) 309mm x 173mm
   1920x1080     60.01*+
DP-2 connected (normal left inverted right x axis y axis)
"""


@pytest.mark.parametrize(
    ("closed", "change"),
    [
        (False, ["--output", "eDP-1", "--auto", "--primary", "--output", "HDMI-1", "--off"]),
        (True, ["--output", "HDMI-1", "--auto", "--primary", "--output", "eDP-1", "--off"]),
    ],
)
def test_one_display_is_left_on_the_one_that_is_seen(closed: bool, change: list[str]) -> None:
    found = outputs(XRANDR)
    assert [(output.name, output.primary, output.lit) for output in found] == [
        *(("HDMI-1", False, True), ("eDP-1", True, True), ("DP-2", False, False))
    ]
    assert leave(found, kept(found, lid_closed=closed)) == change


@pytest.mark.parametrize(
    ("text", "closed", "change"),
    [
        ("screen connected 1280x800+0+0 (normal) 0mm x 0mm\n", False, []),
        ("eDP-1 connected primary 800x600+0+0 (normal)\nDP-1 connected (normal)\n", False, []),
        # the primary display is dark, another one lit: that one is looked at
        ("eDP-1 connected primary (normal)\nDP-1 connected 800x600+0+0 (normal)\n", False, []),
        # only the panel under the shut lid is lit
        (
            "eDP-1 connected primary 800x600+0+0 (normal)\nDP-1 connected (normal)\n",
            True,
            ["--output", "DP-1", "--auto", "--primary", "--output", "eDP-1", "--off"],
        ),
        ("eDP-1 connected primary 800x600+0+0 (normal)\n", True, []),  # there is no other
        ("DP-1 connected (normal)\n", False, ["--output", "DP-1", "--auto", "--primary"]),
        ("", False, []),
    ],
)
def test_what_need_not_change_is_left_alone(text: str, closed: bool, change: list[str]) -> None:
    found = outputs(text)
    assert leave(found, kept(found, lid_closed=closed)) == change


def test_examhall_kiosk_hands_on_to_the_set_up_program(tmp_path: Path) -> None:
    examhall = Path(sys.executable).parent / "examhall"
    done = subprocess.run(
        [examhall, "kiosk", "--check", "--json", "--root", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["open"] is True
    assert told["policy_sha256"] == policy_hash(ORIGIN)
    assert urlsplit(told["origin"]).port == 8321
    wanted = {*lockdown_files(ORIGIN), *stick_files(KIOSK_USER)}
    assert {opening["found"] for opening in told["openings"]} == wanted
