"""The README's two commands on a fresh Debian machine, once a release: a debootstrapped chroot."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fresh.sh")
COMMANDS = ("DEMO_EXIT=1 make demo", "make test")
CLOSING = re.compile(r"^(?=.*\b\d+ passed\b)(?!.*\b(?:failed|error)).* in [\d.]+s", re.MULTILINE)
MINUTES = 40


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="debootstrap and chroot need root")
@pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed")
def test_both_commands_of_the_readme_work_on_a_fresh_machine() -> None:
    run = subprocess.run([SCRIPT], capture_output=True, text=True, timeout=MINUTES * 60)
    told = run.stdout[-4000:] + run.stderr[-4000:]
    assert run.returncode == 0, told
    for command in COMMANDS:
        assert re.search(rf"^fresh: {re.escape(command)}: status 0, \d+ s$", run.stdout, re.MULTILINE), told
    assert len(CLOSING.findall(run.stdout)) == 2, told  # unit part and system part
