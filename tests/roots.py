"""Bare Debian 12 systems with the project's HEAD in /srv/onecard; they reach the registries as this
machine does. The bare part of each kind is kept in /var/tmp/onecard-roots.
"""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests import product

BASE: Final = Path("/var/tmp/onecard-roots")
# How this machine reaches its registries; nothing of it is written into the project.
SETTINGS: Final = (
    *("/etc/apt/sources.list.d", "/etc/apt/apt.conf.d", "/etc/apt/keyrings"),
    *("/usr/share/keyrings", "/etc/pip.conf", "/etc/xdg/pip", "/etc/npmrc"),
    *("/root/.pip", "/root/.config/pip", "/etc/ssl/certs/ca-certificates.crt"),
)
FOLDER_OF_PIP: Final = re.compile(r"/[A-Za-z0-9_./-]+")
HANDED_ON: Final = (
    *("PIP_", "SSL_", "REQUESTS_", "npm_", "http_proxy", "https_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)


@contextlib.contextmanager
def fresh(kind: str, include: str) -> Iterator[Path]:
    """One that nobody has used yet, with these packages (commas between) beside the essential;
    gone afterwards."""
    base, root = BASE / kind, BASE / f"{kind}-{os.getpid()}"
    if not base.exists():
        BASE.mkdir(parents=True, exist_ok=True)
        new = BASE / f"{kind}-new-{os.getpid()}"
        more = [f"--include={include}"] if include else []
        do("debootstrap", "--variant=minbase", *more, "bookworm", str(new), *_mirror())
        (new / "etc/apt/sources.list").unlink()
        (new / "etc/machine-id").write_text("")
        new.rename(base)
    do("cp", "--archive", str(base), str(root))
    for setting in SETTINGS:
        if Path(setting).exists():
            (root / setting[1:]).parent.mkdir(parents=True, exist_ok=True)
            copy = ["cp", "--recursive", "--dereference", "--no-target-directory"]
            do(*copy, setting, f"{root}{setting}")
    for folder in _folders_of_pip():
        shutil.copytree(folder, root / str(folder)[1:], dirs_exist_ok=True)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    do("git", "clone", "--quiet", str(product.ROOT), str(root / "srv/onecard"))
    try:
        yield root
    finally:
        shutil.rmtree(root)


def handed_on() -> list[str]:
    """Words for env(1): what of our environment leads to the registries."""
    return [f"{name}={value}" for name, value in os.environ.items() if name.startswith(HANDED_ON)]


def _mirror() -> list[str]:
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    found = (
        re.findall(r"^URIs: *(\S+)", sources.read_text(), re.MULTILINE) if sources.exists() else []
    )
    return found[:1]


def _folders_of_pip() -> set[Path]:
    said = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False)
    named = FOLDER_OF_PIP.findall(said.stdout + os.environ.get("PIP_FIND_LINKS", ""))
    return {Path(name) for name in named if Path(name).is_dir() and name.startswith("/opt")}


def do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
