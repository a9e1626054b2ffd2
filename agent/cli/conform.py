"""`onecard conform`: the numbered tests of the national functions against a library or a daemon.

The tests, and the cards and readers that they need, come with onecard-simulators.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from agent.cli.context import Context
from agent.cli.output import output
from agent.cli.proving import UnknownProof, optional_import_module, simulating
from world import Fault, cause_of

STDOUT = "-"


class LibraryUnreadable(Fault):
    """The library under test cannot be opened. Facts: `path`, `cause`."""

    code = "conform.library"


class NothingToTest(Fault):
    """Neither a library nor a daemon was named, or both."""

    code = "conform.nothing"


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command."""
    ui = context.texts.ui

    @app.command(help=ui("help-conform"))
    def conform(
        library: Annotated[Path | None, typer.Option(help=ui("help-conform-library"))] = None,
        daemon: Annotated[str | None, typer.Option(help=ui("help-conform-daemon"))] = None,
        through: Annotated[str | None, typer.Option(help=ui("help-conform-through"))] = None,
        only: Annotated[list[str] | None, typer.Option(help=ui("help-conform-only"))] = None,
        json_file: Annotated[
            str | None, typer.Option("--json", help=ui("help-conform-json"))
        ] = None,
        as_list: Annotated[bool, typer.Option("--list", help=ui("help-conform-list"))] = False,
    ) -> None:
        context.as_json = json_file == STDOUT
        command = optional_import_module("proving.conformance.command")
        try:
            if as_list:
                command.show_list(context, only or ())
                return
            with simulating(context):
                subject, results = _results(context, command, library, daemon, through, only or ())
        except KeyError as error:
            allowed = "onecard conform --list"
            raise UnknownProof(found=str(error.args[0]), allowed=allowed) from error
        data = _report(context, subject, results, json_file)
        if not data["holds"]:
            raise typer.Exit(1)


def _results(
    context: Context,
    command: Any,
    library: Path | None,
    daemon: str | None,
    through: str | None,
    only: list[str] | tuple[str, ...],
) -> tuple[str, Any]:
    """Raises `NothingToTest`, `UnknownProof`, `LibraryUnreadable`, `KeyError`."""
    if (library is None) == (daemon is None):
        raise NothingToTest
    if through not in (None, "daemon", "pcsc"):
        raise UnknownProof(found=through or "", allowed="daemon, pcsc")
    if library is None:
        found: tuple[str, Any] = command.on_daemon(context, daemon, only)
        return found
    try:
        found = command.on_library(context, library, through, only)
    except OSError as error:
        raise LibraryUnreadable(path=str(library), cause=cause_of(error)) from error
    return found


def _report(context: Context, subject: str, results: Any, json_file: str | None) -> dict[str, Any]:
    report = optional_import_module("proving.conformance.report")
    data: dict[str, Any] = report.data(subject, results)
    document = msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n"
    if json_file == STDOUT:
        sys.stdout.write(document.decode())
        return data
    report.table(context.console, context.texts, results)
    if json_file is not None:
        with output(context.world, Path(json_file)) as file:
            file.write(document)
    return data
