"""Ours passes the whole table; what cannot be tested is skipped; reports tell nobody's data."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from agent.cli.app import build
from agent.cli.context import Context
from agent.facade.functions import FUNCTIONS
from agent.messages.texts import LANGUAGES, Language, Texts
from proving.conformance import report
from proving.conformance.cases import NEEDS, TABLE, Bench, Case, Mismatch, require, shown
from proving.conformance.document import GROUPS, document
from proving.conformance.run import (
    Result,
    chosen,
    foreign_daemon,
    goes_through,
    library,
    own_daemon,
    run,
)
from proving.conformance.stage import Stage
from proving.conformance.subject import Call, LibraryProcess, SubjectFailed
from tests import product

PAGE = product.ROOT / "docs" / "conform.md"


def wrong(results: list[Result]) -> list[str]:
    return [f"{r.case.id}: {r.expected} / {r.got}" for r in results if r.outcome == "failed"]


@pytest.mark.parametrize("group", GROUPS)
def test_our_library_passes_every_test(stage: Stage, ours: Path, group: str) -> None:
    results = list(run(library(ours, stage, "daemon"), stage, chosen([group])))
    assert not wrong(results)
    assert {result.outcome for result in results} == {"passed"}


def test_the_table_is_not_small() -> None:
    assert len(TABLE) > 200


def test_the_daemon_passes_all_that_frames_can_ask(stage: Stage) -> None:
    only = ["BAS-00", "HSM-00", "SEQ-00", "CON", "GBK", "ERR-00", "FIL-00", "WRI", "RLD", "UBL"]
    results = list(run(own_daemon(stage), stage, chosen(only)))
    assert not wrong(results)
    skipped = {result.case.id for result in results if result.outcome == "skipped"}
    assert skipped == {"ERR-008"}  # stops the daemon


def test_a_daemon_somewhere_is_asked_only_what_needs_no_card(stage: Stage) -> None:
    results = list(run(foreign_daemon(stage.socket), None, chosen(["TYP", "UNS", "BAS"])))
    assert not wrong(results)
    assert {r.outcome for r in results if r.case.id.startswith("BAS")} == {"skipped"}
    assert {r.outcome for r in results if not r.case.id.startswith("BAS")} == {"passed"}


def test_every_function_and_every_reachable_error_has_its_test() -> None:
    titles = " ".join(case.title for case in TABLE.values())
    assert [name for name in FUNCTIONS if f"{name} " not in titles] == []
    # Without -5 (the program's own loading) and -35, -36 (reserved), which no call brings about.
    told = {
        -1, -2, -3, -4, -11, -12, -13, -14, -15, -20, -21, -22, -23, -24, -31, -32, -33, -34, -41,
        -42, -51, -52, -2201, -2202, -2203, -2204, -27272, -25536, -37634,
    }  # fmt: skip
    assert [error for error in sorted(told) if str(error) not in titles] == []


def test_page_is_that_of_the_table() -> None:
    told = "python -m proving.conformance.document > docs/conform.md"
    assert PAGE.read_text(encoding="utf-8") == document(), told


def test_every_group_and_need_has_words() -> None:
    assert {case.id[:3] for case in TABLE.values()} == set(GROUPS)
    assert {need for case in TABLE.values() for need in case.needs} <= set(NEEDS)


def test_ids_choose_and_an_unknown_one_is_named() -> None:
    assert [case.id for case in chosen(["GBK", "FLD-001"])] == [
        "FLD-001",
        "GBK-001",
        "GBK-002",
        "GBK-003",
    ]
    with pytest.raises(KeyError, match="NOPE"):
        chosen(["BAS", "NOPE"])


def test_a_report_shows_the_stages_own_values_only() -> None:
    assert shown("林青禾") == "林青禾"
    assert shown("张三丰") == "(3 characters)"
    assert shown(["519900199203149007", "110101199003070000"]) == (
        "[519900199203149007, (18 characters)]"
    )
    with pytest.raises(Mismatch) as caught:
        require("name", "林青禾", "somebody real")
    assert "somebody real" not in str(caught.value)


def test_our_library_is_seen_to_ask_the_daemon(ours: Path, tmp_path: Path) -> None:
    assert goes_through(ours) == "daemon"
    other = tmp_path / "other.so"
    other.write_bytes(b"\x7fELF SCardEstablishContext")
    assert goes_through(other) == "pcsc"


# -- the child process


def test_a_crash_is_the_childs_and_told(ours: Path, stage: Stage) -> None:
    libc = LibraryProcess(Path("libc.so.6"), stage.environment)
    with pytest.raises(SubjectFailed, match="SIGABRT"):
        libc.call(Call("abort", ()))
    libc.close()


def test_a_hang_is_told_and_ended(stage: Stage) -> None:
    libc = LibraryProcess(Path("libc.so.6"), stage.environment, patience=0.2)
    with pytest.raises(SubjectFailed, match=r"no answer within 0\.2 s"):
        libc.call(Call("pause", ()))
    libc.close()


def test_an_input_that_was_changed_is_told(stage: Stage) -> None:
    libc = LibraryProcess(Path("libc.so.6"), stage.environment)
    got = libc.call(Call("strcpy", ("before", "after")))
    assert not got.inputs
    libc.close()


def test_a_name_that_is_not_there_is_told(stage: Stage, ours: Path) -> None:
    subject = LibraryProcess(ours, stage.environment)
    assert subject.exports("iReadCardBas")
    assert not subject.exports("iReadCardBus")
    with pytest.raises(SubjectFailed, match="not exported"):
        subject.call(Call("iReadCardBus", (1,)))
    subject.close()


# -- the report and the command


def result(outcome: str, id_: str = "BAS-001", **more: str) -> Result:
    return Result(TABLE[id_], outcome, 0.1, **more)  # type: ignore[arg-type]


def test_it_holds_when_something_passed_and_nothing_failed() -> None:
    assert report.data("x", [result("passed"), result("skipped", "BAS-002")])["holds"]
    assert not report.data("x", [result("passed"), result("failed", "BAS-002")])["holds"]
    assert not report.data("x", [result("skipped")])["holds"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_people_read_a_line_per_test_and_a_table(language: Language) -> None:
    printed = io.StringIO()
    console = Console(file=printed, width=200)
    texts = Texts(language)
    results = [result("passed"), result("failed", "GBK-001", expected="name: A", got="B")]
    for one in results:
        report.line(console, texts, one)
    report.table(console, texts, results)
    told = printed.getvalue()
    assert report.title(texts, TABLE["GBK-001"]) in told
    assert texts.ui("conform-mismatch", expected="name: A", got="B") in told
    assert texts.ui("conform-failed") in told


def command(*arguments: str) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(build(Context(texts=Texts("en"))), ["conform", *arguments])
    return done.exit_code, done.stdout, done.exception


def test_command_writes_the_report_and_exits_by_it(ours: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    code, _, _ = command(
        "--library", str(ours), "--only", "EXP-001", "--only", "UNS", "--json", str(file)
    )
    assert code == 0
    written = json.loads(file.read_bytes())
    assert (written["holds"], written["failed"]) == (True, 0)
    assert [test["id"] for test in written["tests"]] == ["EXP-001", "UNS-001", "UNS-002", "UNS-003"]


def test_command_exits_with_one_when_a_test_failed(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.so"
    nothing.write_bytes(b"no library")
    code, told, _ = command("--library", str(nothing), "--only", "EXP-001", "--json", "-")
    assert code == 1
    assert json.loads(told)["failed"] == 1


def test_command_lists_the_tests() -> None:
    code, told, _ = command("--list", "--json", "-")
    assert code == 0
    assert [test["id"] for test in json.loads(told)["tests"]] == sorted(TABLE)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "conform.nothing"),
        (("--library", "a", "--daemon", "b"), "conform.nothing"),
        (("--library", "/does/not/exist.so"), "conform.library"),
        (("--list", "--only", "NOPE"), "cli.unknown-name"),
        (("--library", "/does/not/exist.so", "--through", "magic"), "cli.unknown-name"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(arguments: tuple[str, ...], fault: str) -> None:
    _, _, raised = command(*arguments)
    assert getattr(raised, "code", None) == fault


def test_control_a_case_that_finds_a_mismatch_fails(stage: Stage, ours: Path) -> None:
    def never(bench: Bench) -> None:
        raise Mismatch("the sun", "rain")

    case = Case("XXX-001", "never", "从不", frozenset(), never)
    (told,) = run(library(ours, stage, "daemon"), stage, [case])
    assert (told.outcome, told.expected, told.got) == ("failed", "the sun", "rain")


def test_control_a_daemon_that_a_test_ends_is_told_and_started_again(
    stage: Stage, ours: Path
) -> None:
    case = Case("XXX-002", "ends it", "结束", frozenset(), lambda bench: bench.stage.agent.kill())
    (told,) = run(library(ours, stage, "daemon"), stage, [case])
    assert (told.outcome, told.got) == ("failed", "the daemon ended")
    assert stage.agent.alive
