"""Which folders changed: names that come and go in them, told by the kernel (inotify(7)).

No maintained binding is small enough to be worth a dependency, and libc has the three calls. A
folder that is not there yet is watched through what is there of the way to it.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

IN_ATTRIB: Final = 0x004  # a port that appears before we may use it
IN_MOVED: Final = 0x0C0
IN_CREATE: Final = 0x100
IN_DELETE: Final = 0x200
IN_DELETE_SELF: Final = 0x400
IN_MOVE_SELF: Final = 0x800
IN_Q_OVERFLOW: Final = 0x4000
IN_ONLYDIR: Final = 0x0100_0000
EVENTS: Final = (
    IN_ATTRIB | IN_MOVED | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
)
HEAD: Final = struct.Struct("=iIII")  # watch, mask, cookie, length of the name
CHUNK: Final = 64 * 1024
# The folder is not there, is no folder, or is not ours to see: we wait for it.
NOT_YET: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP})


class Folders:
    """Watches `folders`. Used by one thread; `fileno` is readable when there is something new."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Raises `OSError` when the kernel gives no watch."""
        self._folders = tuple(folders)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise _last_error()
        # Watch → the names that matter there; None: all.
        self._watched: dict[int, frozenset[str] | None] = {}
        try:
            self._watch()
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """The inotify descriptor, for a poll."""
        return int(self._fd)

    def changed(self) -> bool:
        """Take what is there. True when something came, went or changed in one of the folders, or
        a folder itself did. Raises `OSError`."""
        news = False
        for watch, mask, name in _events(self._read()):
            names = self._watched.get(watch, frozenset())
            news |= names is None or name in names or bool(mask & IN_Q_OVERFLOW)
        self._watch()
        return news

    def close(self) -> None:
        """End all watches."""
        os.close(self._fd)

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, CHUNK)
        except BlockingIOError:
            return b""

    def _watch(self) -> None:
        """Watch each folder, or the last one on the way to it that is there."""
        wanted: dict[int, frozenset[str] | None] = {}
        for folder in self._folders:
            watch, name = self._nearest(folder)
            names = wanted.get(watch, frozenset())
            wanted[watch] = None if name is None or names is None else names | {name}
        for watch in self._watched.keys() - wanted.keys():
            self._libc.inotify_rm_watch(self._fd, watch)  # fails where the folder is gone: fine
        self._watched = wanted

    def _nearest(self, folder: Path) -> tuple[int, str | None]:
        """Its watch and None, or that of a folder above and the name that is missing there."""
        place, missing = folder, None
        while (watch := self._add(place)) is None:
            place, missing = place.parent, place
        if missing is not None and self._add(missing) is not None:
            return self._nearest(folder)  # it has come just now
        return watch, missing.name if missing else None

    def _add(self, folder: Path) -> int | None:
        watch = int(self._libc.inotify_add_watch(self._fd, os.fsencode(folder), EVENTS))
        if watch >= 0:
            return watch
        error = _last_error()
        if error.errno in NOT_YET and folder != folder.parent:
            return None
        raise error


def _events(data: bytes) -> Iterator[tuple[int, int, str]]:
    """(watch, mask, name) of each event; whole ones only come (inotify(7))."""
    at = 0
    while at < len(data):
        watch, mask, _, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        yield watch, mask, os.fsdecode(data[at : at + length].rstrip(b"\0"))
        at += length


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
