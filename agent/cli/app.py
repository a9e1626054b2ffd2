"""The command line as one typer application; its words come from the text catalogue.

The module of a command is imported when that command is called: `onecard --help` must not wait for
the daemon's parts.
"""

import importlib
import logging
import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError
from typer.core import TyperGroup
from typer.main import get_command

from agent.beside import UNAVAILABLE, refusal
from agent.cli.context import Context, OutputFailed
from agent.cli.help import by_columns, widen
from agent.cli.proving import BENCHES, PROOFS
from agent.cli.usage import WRONG_USAGE, wants_json, wrong_usage
from agent.streams import take_every_sign
from world import cause_of
from world.fault import Fault

LONGEST_WORD: Final = 80  # signs of a word that is told
READ_ENOUGH: Final = 141  # as of a program that SIGPIPE ended

# Every command: the module that has it, and the words of its help.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("running", "help-run"),
    "config": ("configuration", "help-config"),
    "doctor": ("doctor", "help-doctor"),
    "readers": ("readers", "help-readers"),
    "devices": ("devices", "help-devices"),
    "tap": ("tap", "help-tap"),
    "journal": ("journal", "help-journal"),
    "explain": ("explain", "help-explain"),
    "sync": ("sync", "help-sync"),
    "trace": ("trace", "help-trace"),
    "sign-in": ("signin", "help-sign-in"),
    "sign-out": ("signin", "help-sign-out"),
    "journey": ("journey", "help-journey"),
    "conform": ("conform", "help-conform"),
    "demo": ("proving", "help-demo"),
    "bench": ("proving", "help-bench"),
    "prove": ("proving", "help-prove"),
}

NAMES: Final = {"bench": BENCHES, "prove": PROOFS}


class WordNotText(Fault):
    """A word of the command is no text. Fact: `word`, its bytes that are none written out."""

    code = "cli.not-text"


def run() -> None:
    """Call the command; a fault becomes its sentence and an exit status."""
    take_every_sign()
    # What drivers log is for the daemon's journal; here a fault is told once, as a sentence.
    logging.getLogger("onecard").addHandler(logging.NullHandler())
    logging.getLogger("onecard").propagate = False
    context = Context()
    try:
        status = _status(context)
    except SystemExit as left:  # a signal, where what is simulated has to be tidied up
        if not isinstance(left.code, int):
            raise
        status = left.code
    _leave(status, threads_go_on=context.simulated)


def _status(context: Context) -> int | None:
    try:
        try:
            status: int | None = build(context)(standalone_mode=False)
        finally:
            sys.stdout.flush()
        return status
    except NoArgsIsHelpError as error:
        context.aside(error.message)
        return WRONG_USAGE
    except UsageError as error:
        context.as_json = wants_json(error)  # no command has come to look
        context.fail(wrong_usage(error))
        return WRONG_USAGE
    except BrokenPipeError:
        return READ_ENOUGH
    except SystemExit as left:  # typer's for the same
        if isinstance(left.__context__, BrokenPipeError):
            return READ_ENOUGH
        raise
    except Fault as fault:
        context.fail(fault)
        return UNAVAILABLE
    except UnicodeEncodeError as error:  # an argument's bytes (PEP 383); all that we print is safe
        word = error.object.encode(errors="backslashreplace").decode()
        context.fail(WordNotText(word=word[:LONGEST_WORD]))
        return UNAVAILABLE
    except OSError as error:  # typer's own words into a full disk among them
        context.fail(_refused(error))
        return UNAVAILABLE


def build(context: Context) -> typer.Typer:
    """All commands, bound to one invocation's context."""

    class Commands(TyperGroup):
        """Each comes to be when it is asked for."""

        context_class = by_columns(TyperGroup.context_class, context.texts)

        def list_commands(self, ctx: Any) -> list[str]:
            return list(COMMANDS)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return _made(context, cmd_name) if cmd_name in COMMANDS else None

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            rows = [(name, _told(context, name)) for name in COMMANDS]
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    app = _typer(cls=Commands, no_args_is_help=True, help=context.texts.ui("help"))
    words = context.texts.ui("help-version")

    @app.callback()
    def onecard(
        told: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=_tell_version, help=words)
        ] = False,
    ) -> None:
        """Its help is in the texts."""

    return app


def _tell_version(asked: bool) -> None:
    if asked:
        packages = importlib.import_module("world.packages")  # the one option that needs it
        sys.stdout.write(f"onecard {packages.version('onecard-agent')}\n")
        raise typer.Exit


def _made(context: Context, name: str) -> Any:
    module, _ = COMMANDS[name]
    app = _typer()
    importlib.import_module(f"agent.cli.{module}").add_to(app, context)

    @app.callback()
    def group() -> None:
        """There is one even for a single command."""

    return widen(get_command(app).commands[name], context.texts)  # type: ignore[attr-defined]


def _typer(**settings: Any) -> typer.Typer:
    """Without rich, which is half of the time that a command takes to begin."""
    return typer.Typer(
        name="onecard",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        **settings,
    )


def _told(context: Context, name: str) -> str:
    return context.texts.ui(COMMANDS[name][1], names=", ".join(NAMES.get(name, ())))


def _refused(error: OSError) -> Fault:
    try:
        sys.stdout.flush()  # what could not be written is still there
    except OSError:
        return OutputFailed(cause=cause_of(error))
    return refusal(error)


def _leave(status: int | None, *, threads_go_on: bool) -> None:
    """Without Python's own last try to write what could not be written, which would change it; and
    where threads go on (of simulated cards, of a platform) without its taking itself apart under
    them, which may end in a crash."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        os._exit(status or 0)
    if threads_go_on:
        os._exit(status or 0)
    sys.exit(status)
