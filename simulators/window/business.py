"""The old business program (`old_business.c`) running, its HSM played by whoever started it."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agent.facade.c import build
from world.real import RealWorld

SOURCE = Path(__file__).with_name("old_business.c")
AskHsm = Callable[[list[str]], str]  # 8 fields of step 1 → key of step 2


@dataclass(frozen=True)
class Said:
    """One line of it. `result` is 0 or the interface's error."""

    command: str
    result: int
    words: str


def compile_business(folder: Path) -> Path:
    """The program, in `folder`. Raises `LibraryNotBuilt`."""
    program = folder / "old_business"
    flags = [*build.LANGUAGE, *build.HARDENED, "-o", str(program), str(SOURCE), "-ldl"]
    build.compile_c(RealWorld(), flags)
    return program


class OldBusiness:
    """One process of it; a context manager."""

    def __init__(
        self, program: Path, library: Path, environment: Mapping[str, str], hsm: AskHsm
    ) -> None:
        self._hsm = hsm
        self._process = subprocess.Popen(
            [program, library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def do(self, command: str) -> Said:
        """A command to its end. Raises `EOFError` when the program has ended."""
        self._say(command)
        while (line := self._line()).startswith("HSM "):
            self._say(self._hsm(line.removeprefix("HSM ").split("|")[:-1]))
        good, _, rest = line.partition(" ")
        told, _, words = rest.partition(" ")
        if good == "OK":
            return Said(told, 0, words)
        code, _, words = words.partition(" ")
        return Said(told, int(code), words)

    def close(self) -> int:
        """End it; its exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        return self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith("\n"):  # also when it was killed in the middle of one
            raise EOFError("the business program has ended")
        return line.rstrip("\n")
