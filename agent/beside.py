"""Tools beside `onecard` (`python -m …`): what ends one is a sentence and an exit status as there.

A Fault or a refusal of the system → its sentence in the reader's language → stderr, status 69.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from agent.messages.texts import Texts, language_of, locale_of
from agent.streams import speaks_chinese, take_every_sign
from world import Fault, cause_of

UNAVAILABLE: Final = 69  # EX_UNAVAILABLE: something outside of this program has to be mended first


class SystemRefused(Fault):
    """The system did not do what it was asked for. Facts: `file`, `cause`."""

    code = "cli.system"


class SystemFailed(Fault):
    """The system did not do something that has no file. Fact: `cause`."""

    code = "cli.system-call"


def refusal(error: OSError) -> Fault:
    """The same as the system tells, as a fault of ours."""
    cause = cause_of(error)
    if error.filename is None:
        return SystemFailed(cause=cause)
    return SystemRefused(file=str(error.filename), cause=cause)


def sentence(fault: Fault) -> str:
    """In the environment's language; English where the console has no Chinese signs."""
    chinese = language_of("auto", locale_of(os.environ)) == "zh" and speaks_chinese()
    return f"{Texts('zh' if chinese else 'en').fault(fault)} [{fault.code}]"


@contextmanager
def exit_on_fault() -> Iterator[None]:
    """What goes wrong within ends the process. Raises `SystemExit`."""
    take_every_sign()
    try:
        yield
    except Fault as fault:
        _end(fault)
    except OSError as error:
        _end(refusal(error))


def _end(fault: Fault) -> None:
    sys.stderr.write(f"{sentence(fault)}\n")
    raise SystemExit(UNAVAILABLE) from fault
