"""`examhall bench room-camera`: the table, and the exit status that says whether it was reached."""

import json

import pytest
from click.testing import CliRunner

from server.cli import main


@pytest.mark.dear
def test_the_bench_prints_every_method_beside_what_is_asked() -> None:
    found = CliRunner().invoke(main, ["bench", "room-camera", "--looks", "40", "--json"])
    table = json.loads(found.stdout.splitlines()[0])
    assert found.exit_code == 0, found.output
    assert [hall["hall"] for hall in table["halls"]] == [
        "6x5 front",
        "6x5 corner",
        "6x5 tight corner",
        "5x8 front",
    ]
    for hall in table["halls"]:
        shares = hall["shares"]
        assert shares["plane_with_offset"] >= hall["asked"] > shares["floor"]
