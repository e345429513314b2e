"""What importing a workbook of 10,000 items costs: `make bench-import`, or import_bench.py [ITEMS].

Prints one JSON object. Processor seconds and peak memory of processes of their own: `bare`: the workbook's
cells in the reading library alone; `read`: our items out of it; `import`: `examhall bank import` into a
sealed bank, children included; `start`: `examhall bank list`, which is what a command costs that does
nothing. `path` is `import` less `start`: what a running server spends.
"""

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import xlsxwriter

from itembank.importing.layouts import GUOBIAO
from itembank.importing.pipeline import read_bank
from itembank.importing.readers import HEADINGS
from itembank.keyfile import KeyFile, create_keyfile
from itembank.sealing import PassphraseParams
from server.db.migrate import upgrade
from server.services.unlocked import keep_unlocked
from server.settings import Settings

ITEMS = 10_000
AIM_SECONDS, AIM_MIB = 3.0, 250
_KINDS = (("B（单选题）", "A"), ("G（多选题）", "ACD"), ("C（判断题）", "正确"))


def workbook(size: int) -> bytes:
    """A bank in the 17 columns: three kinds in turn, texts of usual length."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        sheet = book.add_worksheet("题库")
        sheet.write_row(0, 0, [HEADINGS[name] for name in GUOBIAO])
        for number in range(size):
            sheet.write_row(number + 1, 0, [_fields(number).get(name, "") for name in GUOBIAO])
    return memory.getvalue()


def _fields(number: int) -> dict[str, str]:
    kind, answer = _KINDS[number % 3]
    fields = {
        "bank": "基准题库",
        "uid": f"{kind[0]}-A-A-A-001-{number}",
        "point": f"A-A-{'ABC'[number % 3]}-{number % 40 + 1:03d}",
        "kind": kind,
        "stem": f"第{number}题：巡逻中发现可疑包裹，按照单位的预案，首先应当采取的措施是（　　）。",
        "answer": answer,
        "difficulty": "3（中等）",
        "consistency": "4（高）",
        "explanation": "先警戒、再报告。来源：单位的处置预案第十条。",
    }
    if answer != "正确":
        fields |= {f"option_{key}": f"{key}. 第{number}题的选项{key}，各不相同" for key in "ABCD"}
    return fields


def measured(step: str, file: Path) -> dict[str, float]:
    """CPU seconds and peak MiB of one step in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.import_bench", f"--{step}", str(file)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # type: ignore[no-any-return]


def alone(step: str, file: Path) -> dict[str, float]:
    """The step in this process: what it takes beyond starting."""
    data = file.read_bytes()
    start = time.process_time()
    if step == "bare":
        import python_calamine

        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        found = len(book.get_sheet_by_index(0).to_python()) - 1
    else:
        found = len(read_bank(data, file.name).items)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return {"items": found, "cpu_seconds": round(seconds, 2), "peak_mib": peak}


def command(folder: Path, *arguments: str) -> dict[str, float]:
    """`examhall` with these arguments, its children included."""
    variables = {"PATH": "/usr/bin:/bin", **_variables(folder)}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("examhall"), *arguments], env=variables, stdout=subprocess.DEVNULL
    )
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return {"cpu_seconds": round(used.ru_utime + used.ru_stime, 2), "peak_mib": used.ru_maxrss >> 10}


def _variables(folder: Path) -> dict[str, str]:
    return {
        "EXAMHALL_DATA": str(folder / "data"),
        "EXAMHALL_KEYFILE": str(folder / "master.json"),
        "EXAMHALL_UNLOCKED": str(folder / "unlocked"),
        "DATABASE_URL": "",
    }


def prepare(folder: Path) -> None:
    """A data folder with an unlocked key; `folder` lies in memory, as unlocked keys must."""
    settings = Settings.load(_variables(folder))
    master = create_keyfile(settings.keyfile, "a passphrase", demo=True, params=PassphraseParams(64, 1))
    keep_unlocked(settings, KeyFile(master, True))
    upgrade(settings)


def main(arguments: list[str]) -> int:
    """All figures; 1 when the aim is missed."""
    if arguments and arguments[0].startswith("--"):
        sys.stdout.write(json.dumps(alone(arguments[0][2:], Path(arguments[1]))))
        return 0
    size = int(arguments[0]) if arguments else ITEMS
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        file = folder / "bank.xlsx"
        file.write_bytes(workbook(size))
        prepare(folder)
        figures: dict[str, Any] = {step: measured(step, file) for step in ("bare", "read")}
        figures["start"] = command(folder, "bank", "list")
        figures["import"] = command(folder, "bank", "import", str(file), "--bank", "基准题库")
    path = figures["import"]["cpu_seconds"] - figures["start"]["cpu_seconds"]
    figures |= {"items": size, "path": round(path, 2), "aim": [AIM_SECONDS, AIM_MIB]}
    sys.stdout.write(json.dumps(figures) + "\n")
    return int(path > AIM_SECONDS or figures["import"]["peak_mib"] > AIM_MIB)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
