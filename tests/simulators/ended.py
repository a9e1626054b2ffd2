"""Runs a command on a terminal, ends it, and says what is left of it: processes are waited for.

`python tests/simulators/ended.py HOW MARK COMMAND…`, with a TMPDIR of its own. HOW is `close` (the
terminal) or a signal's name, once the command has printed MARK. One JSON line: `status` of the
command, `left`: what lies in TMPDIR when the last of its processes has ended.
"""

import ctypes
import json
import os
import pty
import signal
import sys

TMPDIR = os.environ["TMPDIR"]
PR_SET_CHILD_SUBREAPER = 36  # prctl(2): whoever loses his parent becomes our child


def main(how: str, mark: str, command: list[str]) -> None:
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1):
        raise OSError("prctl")
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(
            each, signal.SIG_DFL
        )  # a shell has what it starts in the background ignore some
    pid, terminal = pty.fork()
    if not pid:
        os.execv(command[0], command)
    printed = b""
    while mark.encode() not in printed:
        printed += os.read(terminal, 65536)
    if how == "close":
        os.close(terminal)
    else:
        os.kill(pid, signal.Signals[how])
        _drain(terminal)
    status = None
    while True:
        try:
            ended, code = os.wait()
        except ChildProcessError:
            break
        if ended == pid:
            status = os.waitstatus_to_exitcode(code)
    sys.stdout.write(json.dumps({"status": status, "left": sorted(os.listdir(TMPDIR))}) + "\n")


def _drain(terminal: int) -> None:
    """A command that still has something to say is not held up."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # EIO: the last process at the terminal has ended
        return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
