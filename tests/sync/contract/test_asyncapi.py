"""AsyncAPI's own parser takes the contract; `./run` brings it along for the suite."""

import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

PARSER = Path(sys.prefix) / "asyncapi/node_modules/@asyncapi/parser/cjs/index.js"
PARSE = Path(__file__).with_name("parse.mjs")
CONTRACT = resources.files("sync.contract")


def parsed(file: Path) -> "subprocess.CompletedProcess[str]":
    assert PARSER.exists(), "./run exec true fetches the parser"
    return subprocess.run(
        ["node", str(PARSE), str(PARSER), str(file)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """A copy, with its schemas beside it."""
    with resources.as_file(CONTRACT) as folder:
        shutil.copytree(folder, tmp_path / "contract")
    return tmp_path / "contract/asyncapi.yaml"


def test_the_public_parser_takes_the_contract(contract: Path) -> None:
    done = parsed(contract)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("'Region code of the city, 6 digits.'", "Region code of the city, 6 digits."),
        ("asyncapi: 3.0.0", "asyncapi: 9.0.0"),
        ("#/components/messages/State'", "#/components/messages/Status'"),
        ("./schemas/state.json", "./schemas/nowhere.json"),
        ("action: send", "action: shout"),
    ],
)
def test_control_what_is_no_asyncapi_is_caught(contract: Path, was: str, becomes: str) -> None:
    text = contract.read_text(encoding="utf-8")
    assert was in text
    contract.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    assert parsed(contract).returncode == 1
