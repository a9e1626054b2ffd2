"""What is wrong with a command's words, in the reader's language: typer tells it in English."""

import re
import sys
from itertools import takewhile
from typing import Any, Final

from typer._click.exceptions import (
    BadOptionUsage,
    BadParameter,
    MissingParameter,
    NoSuchOption,
    UsageError,
)

from world.fault import Fault

WRONG_USAGE: Final = 2  # exit status of a command whose words are wrong, as everywhere
NO_COMMAND: Final = re.compile(r"No such command '(?P<found>.*)'\.")  # typer's words
KINDS: Final = {"float": "number", "int": "integer"}  # typer's names, and those of the settings


class WrongUsage(Fault):
    """Words too many or too few. Fact: `command`."""

    code = "cli.usage"


class NoSuchCommand(WrongUsage):
    """Facts: `found`, `allowed`."""

    code = "cli.no-command"


class UnknownOption(WrongUsage):
    """Facts: `command`, `option`."""

    code = "cli.no-option"


class OptionAlone(WrongUsage):
    """An option lacks its value, or has one and takes none. Facts: `command`, `option`."""

    code = "cli.option-alone"


class WordMissing(WrongUsage):
    """Facts: `command`, `word`."""

    code = "cli.missing"


class BadValue(WrongUsage):
    """Facts: `command`, `word`, `allowed`."""

    code = "cli.bad-value"


def wrong_usage(error: UsageError) -> WrongUsage:
    """The same as typer tells, as a fault of ours."""
    context = error.ctx
    command = context.command_path if context else _called()
    match error:
        case NoSuchOption() | BadOptionUsage():
            wrong = UnknownOption if isinstance(error, NoSuchOption) else OptionAlone
            return wrong(command=command, option=error.option_name)
        case MissingParameter():
            return WordMissing(command=command, word=_named(error))
        case BadParameter():
            return BadValue(command=command, word=_named(error), allowed=_allowed(error.param))
    if context is not None and (said := NO_COMMAND.fullmatch(error.message)):
        group: Any = context.command
        return NoSuchCommand(found=said["found"], allowed=", ".join(group.list_commands(context)))
    return WrongUsage(command=command)


def wants_json(error: UsageError) -> bool:
    """Whether `--json` is among the words, and asks this command for a line for programs."""
    command: Any = error.ctx.command if error.ctx else None
    flags = [option for option in getattr(command, "params", ()) if "--json" in option.opts]
    return "--json" in sys.argv[1:] and all(getattr(flag, "is_flag", False) for flag in flags)


def _called() -> str:
    """The command as far as it was written; typer does not say which an option's value lacks."""
    return " ".join(["onecard", *takewhile(lambda word: word[:1] != "-", sys.argv[1:])])


def _named(error: BadParameter) -> str:
    """As it is written: `--limit`, `SEQ`."""
    parameter: Any = error.param
    if parameter is None:
        return "?"
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.human_readable_name)


def _allowed(parameter: Any) -> str:
    """The kind of value, and its bounds."""
    kind = parameter.type if parameter is not None else None
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    bounds = [f"≥ {least}" if least is not None else "", f"≤ {most}" if most is not None else ""]
    name = str(getattr(kind, "name", "?")).removesuffix(" range")
    return " ".join([KINDS.get(name, name), *filter(None, bounds)])
