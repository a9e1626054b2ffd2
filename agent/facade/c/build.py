"""Makes `libsscard.so.1`: `python -m agent.facade.c.build --out DIR`.

C sources beside this file → cc (a child process) → the shared library. `libsscard.so` beside it
leads there: for the linker (`-lsscard`), and for programs that look it up by that name.
"""

import argparse
from collections.abc import Sequence
from os import environ
from pathlib import Path
from typing import Final

from agent.beside import exit_on_fault
from world import Fault, World, cause_of
from world.real import RealWorld

SONAME: Final = "libsscard.so.1"
LINK_NAME: Final = "libsscard.so"
FOLDER: Final = Path(__file__).parent
SOURCES: Final = ("sscard.c", "turn.c", "transport_unix.c")
COMPILER: Final = "cc"
PATIENCE: Final = 120.0  # seconds

LANGUAGE: Final = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wpedantic", "-Wshadow")
SHARED: Final = ("-fPIC", "-shared", "-fvisibility=hidden", f"-Wl,-soname,{SONAME}", "-Wl,-z,defs")
HARDENED: Final = (
    "-O2",
    "-fstack-protector-strong",
    "-D_FORTIFY_SOURCE=2",
    "-Wl,-z,relro,-z,now",
)
# What finds our own slips; not for what is shipped.
SANITIZED: Final = (
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
)


class LibraryNotBuilt(Fault):
    """The C compiler is missing or refused. Fact: `cause`."""

    code = "facade.library-not-built"


def build(
    world: World, folder: Path, *, sanitized: bool = False, defines: Sequence[str] = ()
) -> Path:
    """`libsscard.so.1` and the link to it in `folder`, which is made when it is missing; its path.
    `defines` are for tests: `NAME=VALUE` of what the sources allow to be set.

    Raises `LibraryNotBuilt`, `OSError`.
    """
    world.make_folder(folder, 0o755)
    world.list_folder(folder)  # a file of that name is told as the system does, not by the linker
    library = folder / SONAME
    hardening = SANITIZED if sanitized else HARDENED
    sources = [str(FOLDER / source) for source in SOURCES]
    # A linker error of `-z defs` would name the sanitizer's functions, which the program brings.
    shared = [flag for flag in SHARED if not (sanitized and flag == "-Wl,-z,defs")]
    set_so = [f"-D{define}" for define in defines]
    flags = [*LANGUAGE, *hardening, *shared, *set_so]
    compile_c(world, [*flags, "-o", str(library), *sources, "-pthread"])
    status = world.run(["ln", "-sf", SONAME, str(folder / LINK_NAME)], timeout=PATIENCE)
    if status != 0:
        raise LibraryNotBuilt(cause=f"{folder / LINK_NAME}: status {status}")
    return library


def compile_c(world: World, arguments: Sequence[str]) -> None:
    """One run of the compiler; what it has to say goes to stderr. Raises `LibraryNotBuilt`."""
    compiler = environ.get("CC", COMPILER)
    try:
        status = world.run([compiler, *arguments], timeout=PATIENCE)
    except OSError as error:
        raise LibraryNotBuilt(cause=f"{compiler}: {cause_of(error)}") from error
    if status != 0:
        raise LibraryNotBuilt(cause=f"{compiler}: status {status}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Compile the library into the folder `--out`. Raises `SystemExit`, with words on standard
    error, when that fails."""
    parser = argparse.ArgumentParser(prog="python -m agent.facade.c.build", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {SONAME}")
    folder: Path = parser.parse_args(arguments).out.absolute()
    with exit_on_fault():
        build(RealWorld(), folder)


if __name__ == "__main__":
    main()
