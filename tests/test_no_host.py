"""No file of the repository names a package host: a city builds from its own mirror."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import ROOT

# Written in parts, because this file is looked at too.
HOSTS = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("pypi", "tuna"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("ftp", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("mirrors", "aliyun", "com"),
        ("mirrors", "tuna"),
        ("mirrors", "ustc"),
        ("registry", "npmjs"),
        ("registry", "npmmirror"),
        ("registry", "yarnpkg"),
        ("conda", "anaconda"),
        ("proxy", "golang"),
        ("static", "crates"),
        ("crates", "io"),
        ("docker", "io"),
    ]
]
SETTINGS = ["-".join(parts) for parts in [("index", "url"), ("find", "links"), ("trusted", "host")]]
GENERATED = {".git", ".venv", "__pycache__", "build", "dist", ".hypothesis"}


def repository() -> Iterator[Path]:
    """Every file but what tools make (see .gitignore)."""
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            tool = path.name in GENERATED or path.name.endswith(("_cache", ".egg-info"))
            if path.is_dir() and not path.is_symlink() and not tool:
                folders.append(path)
            elif path.is_file():
                yield path


def hosts(data: bytes) -> list[str]:
    """The package hosts, and the settings that would name one, found in a file's bytes."""
    text = data.lower()
    return [word for word in (*HOSTS, *SETTINGS) if word.encode() in text]


def test_no_file_names_a_package_host() -> None:
    naming = {
        str(path.relative_to(ROOT)): found
        for path in repository()
        if (found := hosts(path.read_bytes()))
    }
    assert not naming, naming


@pytest.mark.parametrize("word", [*HOSTS, *SETTINGS])
def test_control_a_host_is_caught(word: str) -> None:
    assert hosts(f"https://{word.upper()}/simple".encode()) == [word]


def test_control_the_walk_sees_what_newcomers_get() -> None:
    seen = {str(path.relative_to(ROOT)) for path in repository()}
    assert {"run", "pyproject.toml", "constraints.txt", ".ci/run", "world/real.py"} <= seen
