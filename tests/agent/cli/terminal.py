"""`onecard` as a technician has it: on a terminal of some width, or its output somewhere else."""

import fcntl
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

ONECARD = str(Path(sys.executable).parent / "onecard")
PLAIN = {"LC_ALL": "", "LC_MESSAGES": "", "PYTHONIOENCODING": "", "COLUMNS": ""}


def environment(**more: str) -> Mapping[str, str]:
    """Ours, without what says how to print; `more` as it is."""
    return {**{k: v for k, v in os.environ.items() if k not in PLAIN}, **more}


def on_terminal(arguments: Sequence[str], columns: int = 80, **more: str) -> tuple[int, str]:
    """Exit status, and what stands on a terminal with so many columns."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [ONECARD, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**more)
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: nobody has the other end any more
            break
        if not part:
            break
        said += part
    os.close(ours)
    return process.wait(), said.decode(errors="replace").replace("\r\n", "\n")


def piped(arguments: Sequence[str], **more: str) -> subprocess.CompletedProcess[bytes]:
    """Without a terminal."""
    return subprocess.run(
        [ONECARD, *arguments], capture_output=True, env=environment(**more), check=False
    )
