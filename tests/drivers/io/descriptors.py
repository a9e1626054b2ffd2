"""What it is like when a process has no descriptors left."""

import errno
import os


def out_of_descriptors(*_: object) -> int:
    """In place of a call that would take one."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
