"""Where a command's file goes: whole under its name, or not at all.

A regular file is written beside and renamed once all of it is durable; a device or a pipe
(`/dev/stdout`) is written as it is.
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from world import Fault, World, cause_of


class OutputUnwritable(Fault):
    """The file cannot be written. Facts: `file`, `cause`."""

    code = "output.unwritable"


class OutputIsFolder(Fault):
    """A folder has that name. Fact: `file`."""

    code = "output.folder"


@contextmanager
def output(world: World, path: Path) -> Iterator[IO[bytes]]:
    """Write into what is given. After an error there is what was there before, and nothing beside
    it. Raises `OutputIsFolder`, `OutputUnwritable`."""
    try:
        real = world.real_path(path)  # a link goes on naming what it names
        kind = _kind(world, real)
        if kind is not None and stat.S_ISDIR(kind):
            raise OutputIsFolder(file=str(path))
        if kind is None and _kind(world, path) is not None:
            kind = stat.S_IFIFO  # /dev/stdout where that is a pipe, which has no name of its own
        if kind is None or stat.S_ISREG(kind):
            with _beside(world, real) as file:
                yield file
        else:
            with world.open(path, "wb") as file:
                yield file
    except OSError as error:
        raise OutputUnwritable(file=str(path), cause=cause_of(error)) from error


def _kind(world: World, path: Path) -> int | None:
    try:
        return world.file_mode(path)
    except FileNotFoundError:
        return None


@contextmanager
def _beside(world: World, path: Path) -> Iterator[IO[bytes]]:
    part = path.with_name(f".{path.name}.part")
    with suppress(FileNotFoundError):
        world.remove_file(part)  # of an export that a power cut ended
    try:
        with world.create_file(part) as file:
            yield file
            world.sync_file(file)
        world.rename_file(part, path)
    except BaseException:
        with suppress(OSError):
            world.remove_file(part)
        raise
