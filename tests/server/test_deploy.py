"""The files of deploy/ name what exists: settings, commands, figures, addresses; nginx itself reads its file."""

import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from server.cli import COMMANDS
from server.metrics import Figures
from server.services.certificates import issue, load_authority, new_authority
from server.settings import Settings
from tests.server.conftest import NOW

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
ONLY_READ = {"EXAMHALL_KEYFILE", "EXAMHALL_METRICS_TOKEN_FILE"}
"""Paths in server.env that the running server never writes to: the unit leaves them read-only."""


def read_unit() -> RawConfigParser:
    """The unit of the server."""
    unit = RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((DEPLOY / "systemd" / "examhall.service").read_text("utf-8"))
    return unit


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_settings_that_are_named_exist(path: Path) -> None:
    known = set(
        re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text("utf-8"), re.MULTILINE)
    )
    named = set(re.findall(r"\b(?:EXAMHALL_[A-Z_]+|DATABASE_URL)\b", path.read_text("utf-8")))
    assert named <= known


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.name)
def test_units_call_commands_that_exist(path: Path) -> None:
    unit = RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text("utf-8"))
    command = unit["Service"]["ExecStart"].split()
    assert command[0] == "/opt/examhall/bin/examhall"
    assert command[1] in COMMANDS
    assert unit["Service"]["User"] == "examhall"
    assert int(unit["Service"]["LimitNOFILE"]) >= 65536, "5,000 seats have three connections each"


def test_the_unit_may_write_wherever_the_sample_settings_point() -> None:
    text = (DEPLOY / "systemd" / "server.env").read_text("utf-8")
    sample = dict(re.findall(r"^#?([A-Z_]+)=(\S+)$", text, re.MULTILINE))
    assert {"EXAMHALL_DATA", "EXAMHALL_UNLOCKED", "EXAMHALL_EVIDENCE"} <= set(sample)
    written = {
        name: Path(value) for name, value in sample.items() if value.startswith("/") and name not in ONLY_READ
    }
    # A token file is read while settings are loaded, and there is none here.
    settings = Settings.load(
        {name: value for name, value in sample.items() if name != "EXAMHALL_METRICS_TOKEN_FILE"}
    )
    written |= {"evidence": settings.evidence, "dossiers": settings.dossiers}
    service = read_unit()["Service"]
    assert service["ProtectSystem"] == "strict"
    open_to_it = [Path(path.lstrip("-+")) for path in service["ReadWritePaths"].split()]
    for name, path in written.items():
        assert any(path.is_relative_to(folder) for folder in open_to_it), name


@pytest.mark.parametrize(
    "path", [ROOT / "docs" / "deploy.md", DEPLOY / "systemd" / "examhall.service"], ids=lambda path: path.name
)
def test_commands_that_are_written_out_run_as_the_unit_does(path: Path) -> None:
    service = read_unit()["Service"]
    lines = re.findall(
        r"systemd-run (-.*?) /opt/examhall/bin/examhall ([a-z]+)$", path.read_text("utf-8"), re.M
    )
    assert "unlock" in {command for _, command in lines}
    for options, command in lines:
        assert f"--uid={service['User']}" in options.split()
        assert f"EnvironmentFile={service['EnvironmentFile']}" in options.split()
        assert command in COMMANDS


@pytest.mark.parametrize(("paired", "words"), [(True, "standby serve"), (False, "serve")])
def test_a_standbys_unit_follows_while_it_is_paired_and_serves_afterwards(
    tmp_path: Path, paired: bool, words: str
) -> None:
    (tmp_path / "data" / "standby").mkdir(parents=True)
    if paired:
        (tmp_path / "data" / "standby" / "standby.json").touch()
    program = tmp_path / "examhall"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    lines = (DEPLOY / "systemd" / "standby.conf").read_text("utf-8").splitlines()
    first, last = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    assert first == "", "a second ExecStart would be added to that of the unit"
    command = shlex.split(last.replace("/opt/examhall/bin/examhall", str(program)))
    told = subprocess.run(
        command, env={"EXAMHALL_DATA": str(tmp_path / "data")}, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == words.split()


def test_rules_ask_for_figures_that_are_told() -> None:
    told = {name for metric in Figures().registry.collect() for name in (metric.name, f"{metric.name}_total")}
    rules = yaml.safe_load((DEPLOY / "prometheus" / "examhall-rules.yml").read_text("utf-8"))
    asked = {
        name
        for group in rules["groups"]
        for rule in group["rules"]
        for name in re.findall(r"examhall_[a-z_0-9]+", rule["expr"])
    }
    assert asked
    assert asked <= told


def test_compose_file_gives_each_service_what_it_waits_for() -> None:
    found = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text("utf-8"))
    services = found["services"]
    assert set(services["server"]["depends_on"]) <= set(services)
    secrets = {name for service in services.values() for name in service.get("secrets", ())}
    assert secrets == set(found["secrets"])


@pytest.mark.parametrize(
    "path", [ROOT / "docs" / "deploy.md", DEPLOY / "compose" / "compose.yaml"], ids=lambda path: path.name
)
def test_the_image_finds_the_program_that_compose_is_told_to_run(path: Path) -> None:
    image = (DEPLOY / "compose" / "Dockerfile").read_text("utf-8")
    (folders,) = re.findall(r'^ENV PATH="(.+)"$', image, re.MULTILINE)
    (start,) = re.findall(r"^CMD (\[.+\])$", image, re.MULTILINE)
    program = Path(yaml.safe_load(start)[0])
    told = re.findall(r"docker compose run --rm server (\S+) ([a-z]+)", path.read_text("utf-8"))
    assert told
    for name, command in told:
        assert name == program.name
        assert str(program.parent) in folders.split(":")
        assert command in COMMANDS


def test_what_the_image_is_said_to_run_as_is_true() -> None:
    image = (DEPLOY / "compose" / "Dockerfile").read_text("utf-8")
    (uid,) = re.findall(r"useradd .*--uid (\d+) examhall", image)
    for path in (ROOT / "docs" / "deploy.md", DEPLOY / "compose" / "compose.yaml"):
        text = path.read_text("utf-8")
        assert f"uid {uid}" in text and f"chown {uid} passphrase" in text


def test_nginx_reads_its_file(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert nginx, "packages.txt names it"
    key, certificate = new_authority(NOW)
    root = x509.load_der_x509_certificate(certificate)
    leaf = issue(load_authority(key, root), ("examhall.lan",), NOW)
    for name, data in (
        ("server.pem", leaf.certificate),
        ("server-key.pem", leaf.key),
        ("site-ca.pem", root.public_bytes(Encoding.PEM)),
    ):
        (tmp_path / name).write_bytes(data)
    text = (DEPLOY / "nginx" / "examhall.conf").read_text("utf-8").replace("/etc/examhall/tls", str(tmp_path))
    limits = "\n".join(re.findall(r"^#     (\S.*[;}])$", text, re.MULTILINE))
    assert "worker_rlimit_nofile" in limits
    assert int(re.findall(r"worker_connections (\d+);", limits)[0]) >= 6000, "the comment's own sum"
    assert limits.splitlines() == re.findall(
        r"^    ((?:worker_|events ).*)$", (ROOT / "docs" / "deploy.md").read_text("utf-8"), re.MULTILINE
    )
    main = f"pid {tmp_path}/pid; error_log {tmp_path}/log; {limits} http {{ access_log off; {text} }}"
    (tmp_path / "nginx.conf").write_text(main)
    done = subprocess.run([nginx, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_nginx_never_repeats_a_post() -> None:
    text = (DEPLOY / "nginx" / "examhall.conf").read_text("utf-8")
    (when,) = re.findall(r"^\s*proxy_next_upstream (.+);$", text, re.MULTILINE)
    assert "non_idempotent" not in when, "a staff act would be done twice"
