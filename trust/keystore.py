"""Secrets by name: keys, seeds, passwords and the platform's public keys.

`FileKeyStore` keeps one file per secret and refuses files that others may read; systemd hands its
credentials to `SystemdCredentials`; `Layered` puts one over the other. None protects against
somebody who takes the disk away: that needs a TPM or the PSAM (design.md, Secrets), and erasing on
flash only takes the name away.
"""

import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from world import Fault, World, cause_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class SecretBadName(Fault):
    """Not a name for a secret. Facts: name (cut), allowed."""

    code = "keystore.bad-name"

    def __init__(self, name: str) -> None:
        super().__init__(name=ascii(name[:64]), allowed=NAME.pattern)


class SecretMissing(Fault):
    """No secret of that name. Facts: name, path."""

    code = "keystore.missing"


class SecretExposed(Fault):
    """A file or folder that others than its owner may use. Facts: path, mode, command."""

    code = "keystore.exposed"

    def __init__(self, path: Path, mode: int) -> None:
        wanted = "700" if stat.S_ISDIR(mode) else "600"
        super().__init__(
            path=str(path), mode=f"{stat.S_IMODE(mode):04o}", command=f"chmod {wanted} {path}"
        )


class SecretNotAFile(Fault):
    """A link or something else stands where a file or folder is wanted. Facts: path."""

    code = "keystore.not-a-file"


class KeyStoreUnusable(Fault):
    """The system refused access to the store. Facts: path, cause."""

    code = "keystore.unusable"


class KeyStoreReadOnly(Fault):
    """This store cannot be changed by the agent. Facts: name, path."""

    code = "keystore.read-only"


class KeyStore(Protocol):
    """Secrets by name (`NAME`). Every method raises `SecretBadName` and `KeyStoreUnusable`."""

    def read(self, name: str) -> bytes:
        """The secret's bytes, as they were written. Raises `SecretMissing`, `SecretExposed`,
        `SecretNotAFile`."""
        ...

    def write(self, name: str, secret: bytes) -> None:
        """Keep `secret` under `name`: durable on return; the old secret or the new one, never a
        mixture.

        Raises `KeyStoreReadOnly`, `SecretExposed`.
        """
        ...

    def erase(self, name: str) -> None:
        """Take the secret away, durably. Raises `SecretMissing`, `KeyStoreReadOnly`."""
        ...

    def names(self) -> Sequence[str]:
        """The names of all secrets, sorted; empty when there is no store yet."""
        ...

    def place(self, name: str) -> str:
        """Where that secret lies or would lie, in words for people: a path."""
        ...


class FileKeyStore:
    """A folder 0700 (made with the first secret) of files 0600."""

    def __init__(self, world: World, path: Path) -> None:
        self._world = world
        self._path = path
        self._writing = world.lock()

    def __repr__(self) -> str:
        return f"FileKeyStore({str(self._path)!r})"

    def read(self, name: str) -> bytes:
        path = self._file(name)
        try:
            self._require_private_folder()
            self._require_private_file(path)
            with self._world.open(path, "rb") as file:
                return file.read()
        except FileNotFoundError as error:
            raise SecretMissing(name=name, path=str(path)) from error
        except OSError as error:
            raise _unusable(path, error) from error

    def write(self, name: str, secret: bytes) -> None:
        path = self._file(name)
        try:
            with self._writing:
                self._world.make_folder(self._path)
                self._require_private_folder()
                self._world.replace_file(path, secret)
        except OSError as error:
            raise _unusable(path, error) from error

    def erase(self, name: str) -> None:
        path = self._file(name)
        try:
            with self._writing:
                self._world.remove_file(path)
        except FileNotFoundError as error:
            raise SecretMissing(name=name, path=str(path)) from error
        except OSError as error:
            raise _unusable(path, error) from error

    def names(self) -> Sequence[str]:
        return _names(self._world, self._path)

    def place(self, name: str) -> str:
        return str(self._file(name))

    def _file(self, name: str) -> Path:
        return self._path / _checked(name)

    def _require_private_folder(self) -> None:
        mode = self._world.file_mode(self._path)
        if not stat.S_ISDIR(mode):
            raise SecretNotAFile(path=str(self._path))
        _require_private(self._path, mode)

    def _require_private_file(self, path: Path) -> None:
        mode = self._world.file_mode(path)
        if not stat.S_ISREG(mode):
            raise SecretNotAFile(path=str(path))
        _require_private(path, mode)


class SystemdCredentials:
    """What systemd put into `$CREDENTIALS_DIRECTORY` (systemd.exec(5), LoadCredential=).

    systemd sets and guards the permissions, partly by access lists, so they are not checked here.
    """

    def __init__(self, world: World, directory: Path) -> None:
        self._world = world
        self._path = directory

    def __repr__(self) -> str:
        return f"SystemdCredentials({str(self._path)!r})"

    def read(self, name: str) -> bytes:
        path = self._path / _checked(name)
        try:
            with self._world.open(path, "rb") as file:
                return file.read()
        except FileNotFoundError as error:
            raise SecretMissing(name=name, path=str(path)) from error
        except OSError as error:
            raise _unusable(path, error) from error

    def write(self, name: str, secret: bytes) -> None:
        raise KeyStoreReadOnly(name=_checked(name), path=str(self._path))

    def erase(self, name: str) -> None:
        raise KeyStoreReadOnly(name=_checked(name), path=str(self._path))

    def names(self) -> Sequence[str]:
        return _names(self._world, self._path)

    def place(self, name: str) -> str:
        return str(self._path / _checked(name))


class Layered:
    """Credentials of the service, with a folder of files for what the agent itself must change.

    The journal's seed moves on with every epoch (design.md, The journal), so a file that was
    written here comes before the credential of the same name.
    """

    def __init__(self, files: KeyStore, credentials: KeyStore) -> None:
        self._files = files
        self._credentials = credentials

    def __repr__(self) -> str:
        return f"Layered({self._files!r}, {self._credentials!r})"

    def read(self, name: str) -> bytes:
        try:
            return self._files.read(name)
        except SecretMissing:
            return self._credentials.read(name)

    def write(self, name: str, secret: bytes) -> None:
        self._files.write(name, secret)

    def erase(self, name: str) -> None:
        self._files.erase(name)

    def names(self) -> Sequence[str]:
        return sorted({*self._files.names(), *self._credentials.names()})

    def place(self, name: str) -> str:
        here = self._files if name in self._files.names() else self._credentials
        return here.place(name)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise SecretBadName(name)
    return name


def _names(world: World, path: Path) -> Sequence[str]:
    try:
        found = world.list_folder(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unusable(path, error) from error
    return [name for name in found if NAME.fullmatch(name)]  # not what a broken write left


def _require_private(path: Path, mode: int) -> None:
    if stat.S_IMODE(mode) & 0o077:
        raise SecretExposed(path, mode)


def _unusable(path: Path, error: OSError) -> KeyStoreUnusable:
    return KeyStoreUnusable(path=str(path), cause=cause_of(error))
