"""`onecard trace show` and `replay`: what people read, and the keys that programs need."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from agent.cli.app import build
from agent.cli.context import Context
from agent.cli.trace import TraceFiles
from agent.messages.texts import LANGUAGES, Language, Texts, catalogue
from apdu.decoding import COMMANDS, steps
from apdu.redaction import SSSE_RECORDS
from apdu.status import FAMILIES, TABLE, TRIES, UNKNOWN
from apdu.trace import parse
from tests.traces.recording import ORDER
from world import Fault

FOLDER = Path(__file__).parents[2] / "traces"
VENDOR = FOLDER / "vendor-test-card-3.0-sm4.jsonl"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")


def told(*arguments: str, language: Language = "en") -> Result:
    context = Context(texts=Texts(language))
    return CliRunner().invoke(build(context), ["trace", *arguments])


def answer(*arguments: str) -> dict[str, Any]:
    result = told(*arguments, "--json")
    found: dict[str, Any] = msgspec.json.decode(result.stdout)
    return found


def test_every_command_record_and_status_word_has_words() -> None:
    for language in LANGUAGES:
        words = catalogue(language)
        keys = {"unknown", "key-internal", "key-external", "key-secured"}
        assert set(words["command"]) == {*COMMANDS.values(), *keys}
        assert set(words["record"]) == {f"{tag:02X}" for tag in SSSE_RECORDS}
        known = {row.name for row in (*TABLE.values(), *FAMILIES.values(), TRIES, UNKNOWN)}
        assert set(words["status-word"]) == known


def test_the_vendors_trace_is_told_with_names_of_files_fields_keys_and_status_words() -> None:
    shown = told("show", str(VENDOR)).stdout
    for words in (
        "SELECT x2", "SSSE EF05 01 Card identification code", "519900D15600000510000B26FFFFFFFF",
        "INTERNAL AUTHENTICATE x2", "IRK", "EXTERNAL AUTHENTICATE", "RKSSSE", "SSSE EF06 09 Name",
        "张三", "9000 OK: done", "SM4",
    ):  # fmt: skip
        assert words in shown, words
    chinese = told("show", str(VENDOR), language="zh").stdout
    assert "社会保障号码" in chinese
    assert "外部认证" in chinese


def test_show_as_json_has_one_object_per_step() -> None:
    found = answer("show", str(VENDOR))
    assert found["header"]["flow"] == {"kind": "basic"}
    assert found["header"]["algorithm"] == "SM4"
    first = found["steps"][0]
    assert (first["command"], first["exchanges"], first["value"]) == ("select", 2, "SM4")
    keys = [step for step in found["steps"] if step["command"].startswith("key-")]
    assert [step["key"] for step in keys] == ["IRK", "RKSSSE"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_trace_is_told_without_an_unknown_command(path: Path) -> None:
    found = answer("show", str(path))
    assert found["steps"]
    for step in found["steps"]:
        assert step["command"] != "unknown", step
        if not step["command"].startswith("key-"):
            assert step["sw"], step


def test_a_wrong_pin_is_told_with_its_tries() -> None:
    shown = told("show", str(FOLDER / "read-2.0-wrong-pin.jsonl")).stdout
    assert "VERIFY PIN" in shown
    assert "tries left: 5" in shown
    assert "card.wrong-pin" in shown


def test_what_no_table_knows_is_shown_as_bytes(tmp_path: Path) -> None:
    raw = VENDOR.read_text("utf-8").replace('"0084000008"', '"80CA9F7F00"')
    odd = tmp_path / "odd.jsonl"
    odd.write_text(raw, encoding="utf-8")
    found = [step for step in answer("show", str(odd))["steps"] if step["command"] == "unknown"]
    assert found[0]["header"] == "80CA9F7F"
    assert found[0]["value"] == "DBF7A936D0D18C9E"
    assert "unknown command" in told("show", str(odd)).stdout


def test_replay_ends_with_what_was_read_and_that_the_card_proved_itself() -> None:
    result = told("replay", str(VENDOR))
    assert result.exit_code == 0
    for words in ("As it was recorded: 19 lines", "proved itself", "519900190001010014", "张三"):
        assert words in result.stdout
    found = answer("replay", str(VENDOR))
    assert (found["as_recorded"], found["proven"], found["ended"]) == (True, True, "")
    assert found["fields"]["card-number"] == "D2143569X"


def test_replay_of_files_shows_their_values() -> None:
    found = answer("replay", str(FOLDER / "read-3.0-all-keys.jsonl"))
    assert found["as_recorded"]
    assert list(found["files"]) == ["DF04EF06", "DF07EF05", "SSSEEF08"]


def test_replay_of_a_forged_card_says_so_and_is_as_recorded() -> None:
    found = answer("replay", str(FOLDER / "basic-3.0-forged.jsonl"))
    assert (found["as_recorded"], found["proven"]) == (True, False)
    assert found["ended"] == "card.authentication-failed"
    told_so = told("replay", str(FOLDER / "basic-3.0-forged.jsonl")).stdout
    assert "did not prove itself" in told_so


def test_a_replay_that_goes_another_way_ends_with_1_and_the_place(tmp_path: Path) -> None:
    raw = VENDOR.read_text("utf-8").replace('"00B2012812"', '"00B2012813"')
    other = tmp_path / "other.jsonl"
    other.write_text(raw, encoding="utf-8")
    result = told("replay", str(other))
    assert result.exit_code == 1
    assert "NOT as it was recorded" in result.stdout
    assert "Line 3 of the trace: recorded was 00B2012813, the flow did 00B2012812" in result.stdout
    found = answer("replay", str(other))
    assert found["facts"] == {"position": 3, "expected": "00B2012813", "got": "00B2012812"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "trace.unreadable"),
        (b"", "trace.malformed"),
        (b"{}\n", "trace.malformed"),
        (b"\xff\xfe\n", "trace.malformed"),
        (
            VENDOR.read_bytes().replace(b'"onecard_trace":1', b'"onecard_trace":2'),
            "trace.malformed",
        ),
        (VENDOR.read_bytes().replace(b'"kind":"basic"', b'"kind":"dance"'), "trace.flow-unknown"),
        (VENDOR.read_bytes().replace(b'"611E"', b'"61Z"'), "trace.malformed"),
        (VENDOR.read_bytes() + b'{"type":"exchange"}\n', "trace.malformed"),
        (b"x" * (5 << 20), "trace.malformed"),
    ],
)
def test_a_file_that_is_no_trace_is_a_fault(
    tmp_path: Path, content: bytes | None, code: str
) -> None:
    path = tmp_path / "x.jsonl"
    if content is not None:
        path.write_bytes(content)
    result = told("replay", str(path))
    assert isinstance(result.exception, Fault)
    assert result.exception.code == code
    sentence = Texts("en").fault(result.exception)
    assert "–" not in sentence


def test_steps_of_a_trace_name_no_person() -> None:
    """Values are the trace's own, which are made up."""
    trace = parse((FOLDER / "details-3.0-sm4-contact.jsonl").read_bytes())
    values = {step.record: step.value for step in steps(trace) if step.record}
    assert values["09"] == "某某某某"
    assert ORDER.holder.number not in values.values()


@pytest.mark.parametrize(
    "words",
    ["--flow read", "--flow read --files zz", "--flow basic --files SSSEEF06|08|09|$"],
)
def test_files_that_the_flow_cannot_use_are_told_as_the_option(words: str) -> None:
    result = told("record", *words.split(), "--json", "--config", "/nowhere")
    assert isinstance(result.exception, TraceFiles)
    assert "--files" in Texts("en").fault(result.exception)
