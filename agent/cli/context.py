"""What every command needs: the World, the texts, the settings, and one way to print.

Each part is made when it is first asked for: `onecard --help` needs none but the words.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from agent.messages.texts import Texts, language_of, locale_of
from agent.streams import speaks_chinese
from world import cause_of
from world.china import moment
from world.fault import Fault

if TYPE_CHECKING:
    from rich.console import Console

    from agent.cli.client import Client
    from agent.cli.columns import Column
    from config.model import AgentSettings as Settings
    from world import World

DEFAULT_CONFIG = Path("/etc/onecard/onecard.toml")
USUAL = 80  # columns
LONGEST_WAIT = 86_400  # seconds
WELL, WARNING, WRONG = ("✓", "green"), ("!", "yellow"), ("✗", "red")
UNBOUNDED = 100_000  # columns where there is no terminal: nothing is wrapped

Config = Annotated[Path, typer.Option("--config", "-c", envvar="ONECARD_CONFIG")]
Json = Annotated[bool, typer.Option("--json")]


def seconds_of_waiting(words: str) -> Any:
    """`--wait`: what a clock can count. NaN is within any bounds."""

    def checked(given: float) -> float:
        if not 1 <= given <= LONGEST_WAIT:
            raise typer.BadParameter("")
        return given

    return typer.Option(min=1, max=LONGEST_WAIT, callback=checked, help=words)


class OutputFailed(Fault):
    """What was to be printed could not be. Fact: `cause`."""

    code = "cli.output"


class Context:
    """One invocation. `--json` prints one JSON document; otherwise tables and sentences."""

    def __init__(self, *, texts: Texts | None = None) -> None:
        """`texts`: instead of those in the environment's language, until the settings are read."""
        self.as_json = False
        self.simulated = False  # devices, whose threads may go on when the command is over
        self._given = texts
        self._language = "auto"  # of the settings, once they are read

    @cached_property
    def world(self) -> "World":
        """The World of this command, imported only where a command needs it."""
        from world.real import RealWorld

        return RealWorld()

    @property
    def texts(self) -> Texts:
        """In the language of the settings, before these are read in the environment's; English
        where the console has no Chinese signs."""
        if self._given is not None:
            return self._given
        language = language_of(self._language, locale_of(os.environ))
        return self._chinese if language == "zh" and speaks_chinese() else self._english

    @cached_property
    def console(self) -> "Console":
        """Where tables and sentences go: standard output."""
        return _console(stderr=False)

    @cached_property
    def errors(self) -> "Console":
        """Where faults and hints go: standard error."""
        return _console(stderr=True)

    def settings(self, path: Path) -> "Settings":
        """Those of the file. Raises `config.*` faults."""
        from config.load import load

        settings = load(self.world, path)
        self._given, self._language = None, settings.terminal.language
        return settings

    def settings_in_force(self, path: Path) -> "Settings":
        """Those of the file; where it is wrong those that the running agent goes by, and the fault
        is told beside. Raises `config.*` faults where none runs."""
        found, wrong, since_ms = self.settings_or_those_in_force(path)
        if wrong:
            since = moment(since_ms)
            self.aside(self.texts.finding("settings-wrong", file=str(path), since=since))
            for fault in wrong:
                self.aside(self.texts.fault(fault))
        return found

    def settings_or_those_in_force(
        self, path: Path
    ) -> tuple["Settings", Sequence[Fault], int | None]:
        """The settings; what is wrong with the file; since when (unix milliseconds) the agent goes
        by those given, where they are its. Raises `config.*` faults where none runs."""
        from config.faults import ConfigFault

        try:
            return self.settings(path), (), None
        except ConfigFault as fault:
            from agent.cli.in_force import told_by_the_agent

            told = told_by_the_agent(self.world, path)
            if told is None:
                raise
            self._given, self._language = None, told.settings.terminal.language
            return told.settings, fault.problems, told.taken_ms

    def client(self, settings: "Settings") -> "Client":
        """For the agent's Unix socket; nothing is connected before a call."""
        from agent.cli.client import Client

        return Client(self.world, settings.terminal.socket)

    # Printing

    def show(self, data: dict[str, Any], render: Callable[[], object]) -> None:
        """`data` for programs, `render` for people: both say the same. Raises `OutputFailed`."""
        if self.as_json:
            self._out(lambda: sys.stdout.write(_json(data) + "\n"))
        else:
            self._out(render)

    def table(self, columns: "Sequence[Column]", rows: Sequence[Sequence[str]]) -> None:
        """One line for each row, as wide as the console; whole where there is none."""
        from agent.cli.columns import table

        most = _columns(sys.stdout) if sys.stdout.isatty() else None
        for line in table(columns, rows, most):
            self.say(line)

    def say(self, text: str) -> None:
        """A line for people, as it is. Raises `OutputFailed`."""
        self._out(lambda: print(text))

    def tell(self, text: str) -> None:
        """Sentences for people, folded where there is a terminal. Raises `OutputFailed`."""
        self._out(lambda: print(_folded(text, sys.stdout)))

    def mark(self, *, well: bool, text: str, warning: bool = False) -> None:
        """Sentences behind ✓, ! or ✗. Raises `OutputFailed`."""
        sign, colour = WARNING if warning else WELL if well else WRONG
        self._out(lambda: print(_marked(sign, colour, text)))

    def aside(self, text: str) -> None:
        """Sentences beside what the command prints, which may go into a file or to a program."""
        with suppress(OSError):
            print(_folded(text, sys.stderr), file=sys.stderr, flush=True)

    def fail(self, fault: Fault) -> None:
        """Say what is wrong, where, and what to do now."""
        code, facts, sentence = self._told(fault)
        if self.as_json:
            data = {"error": code, "facts": dict(facts), "sentence": sentence}
            with suppress(OSError):
                print(_json(data), flush=True)
        else:
            self.aside(f"{sentence} [{code}]")

    def _told(self, fault: Fault) -> tuple[str, Mapping[str, str | int], str]:
        """Code, facts and sentence. What the daemon tells is said in our language, not in its own,
        but for a fault that only a newer daemon has."""
        from agent.cli.client import DaemonRefused

        if isinstance(fault, DaemonRefused) and self.texts.knows(fault.cause):
            return fault.cause, fault.told, self.texts.trouble(fault.cause, fault.told)
        return fault.code, fault.facts, self.texts.fault(fault)

    def _out(self, printing: Callable[[], object]) -> None:
        try:
            printing()
            sys.stdout.flush()
        except BrokenPipeError:
            raise  # whoever read has read enough
        except OSError as error:
            raise OutputFailed(cause=cause_of(error)) from error

    @cached_property
    def _chinese(self) -> Texts:
        return Texts("zh")

    @cached_property
    def _english(self) -> Texts:
        return Texts("en")


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=None if terminal else UNBOUNDED)


def _folded(text: str, stream: TextIO, indent: int = 0) -> str:
    """`indent`: columns that stand before it in the first line and are left free in the others."""
    if not stream.isatty():
        return text
    from agent.cli.columns import folded

    most = _columns(stream) - indent
    return f"\n{' ' * indent}".join(folded(text, most))


def _columns(terminal: TextIO) -> int:
    """A serial line knows no size and tells 0."""
    return os.get_terminal_size(terminal.fileno()).columns or USUAL


def _marked(sign: str, colour: str, text: str) -> str:
    if sys.stdout.isatty():
        sign = typer.style(sign, fg=colour)
    return f"{sign} {_folded(text, sys.stdout, 2)}"


def _json(data: dict[str, Any]) -> str:
    """In signs that every console has, where it is not UTF-8."""
    utf_8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(data, ensure_ascii=not utf_8, separators=(",", ":"))
    return text if text.isascii() or _is_text(text) else json.dumps(data, separators=(",", ":"))


def _is_text(text: str) -> bool:
    """Without bytes of a file's name that is none (PEP 383)."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
