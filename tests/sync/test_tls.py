"""The files of TLS: which one is wrong, and that nobody is asked for a passphrase."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from simulators.certificates import Authority
from sync.faults import TlsFile, TlsKeyLocked, TlsKeyMismatch
from sync.tls import client_context
from tests import product
from tests.tls import locked
from world.real import RealWorld

WORLD = RealWorld()

CONNECT = """
import sys
from sync.tls import client_context
from world import Fault
from world.real import RealWorld
try:
    client_context(RealWorld(), None, *sys.argv[1:])
except Fault as fault:
    print(fault.code, fault.facts["file"])
"""


@pytest.mark.parametrize("traditional", [False, True])
def test_a_key_under_a_passphrase_asks_nobody_at_a_terminal(
    tmp_path: Path, traditional: bool
) -> None:
    """In a process of its own whose terminal OpenSSL would ask at; it ends by its own answer. One
    that is asked is hung up on."""
    issued = Authority(tmp_path).issue("gate-1")
    key = locked(issued.key, tmp_path / "locked.key", traditional=traditional)
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        ["setsid", "--ctty", "--wait", sys.executable, "-c", CONNECT, issued.certificate, key],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(product.ROOT)},
    )
    os.close(theirs)
    printed = b""
    with suppress(OSError):  # Linux: a terminal whose last user has gone
        while b"pass phrase" not in printed and (piece := os.read(ours, 4096)):
            printed += piece
    os.close(ours)
    assert child.wait() == 0, printed
    assert printed.decode().split() == ["sync.tls-key-locked", str(key)]


def test_the_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good, other = authority.issue("gate-1"), authority.issue("gate-2")
    certificate, key = str(good.certificate), str(good.key)
    both = tmp_path / "both.pem"
    both.write_bytes(good.certificate.read_bytes() + good.key.read_bytes())
    client_context(WORLD, str(authority.certificate), certificate, key)
    client_context(WORLD, None, str(both), None)

    nowhere, notes = str(tmp_path / "nowhere"), tmp_path / "notes"
    notes.write_text("not PEM")
    for ca, own, private, wrong in (
        (nowhere, certificate, key, nowhere),
        (str(notes), certificate, key, str(notes)),
        (key, certificate, key, key),
        (None, nowhere, key, nowhere),
        (None, key, certificate, key),
        (None, certificate, nowhere, nowhere),
        (None, certificate, str(notes), str(notes)),
        (None, certificate, None, certificate),
    ):
        with pytest.raises(TlsFile) as caught:
            client_context(WORLD, ca, own, private)
        assert caught.value.facts["file"] == wrong
    with pytest.raises(TlsKeyMismatch) as crossed:
        client_context(WORLD, None, certificate, str(other.key))
    assert crossed.value.facts == {"certificate": certificate, "key": str(other.key)}
    with pytest.raises(TlsKeyLocked):
        client_context(WORLD, None, certificate, str(locked(good.key, tmp_path / "locked")))


def test_a_pipe_in_place_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    """OpenSSL would wait for its writer."""
    good = Authority(tmp_path).issue("gate-1")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    certificate, key = str(good.certificate), str(good.key)
    for three in ((str(pipe), None, None), (None, str(pipe), key), (None, certificate, str(pipe))):
        with pytest.raises(TlsFile) as caught:
            client_context(WORLD, *three)
        assert caught.value.facts == {"file": str(pipe), "cause": "not a file"}


IN_A_PLAIN_LOCALE = """
from config.model import Sync
from sync.paho_link import PahoLink
from sync.tls import client_context
from world import Fault
from world.real import RealWorld
NAME, GOOD, world = "/nowhere/\\u4e2d.pem", GIVEN, RealWorld()
def link(*files):
    ca, certificate, key = files
    settings = Sync(host="localhost", ca=ca, certificate=certificate, key=key)
    PahoLink(world, settings, "gate-1").connect(None, world.event())
def context(*files):
    client_context(world, *files)
for attempt in (link, context):
    for files in ((NAME, None, None), (GOOD[0], NAME, GOOD[2]), (*GOOD[:2], NAME)):
        try:
            attempt(*files)
        except Fault as fault:
            print(fault.code, ascii(fault.facts["file"]))
"""


def test_a_file_that_the_locale_cannot_name_is_the_one_that_is_named(tmp_path: Path) -> None:
    """Not a UnicodeEncodeError, which would end the task of the link and the agent with it."""
    authority = Authority(tmp_path)
    good = authority.issue("gate-1")
    given = (str(authority.certificate), str(good.certificate), str(good.key))
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    child = subprocess.run(
        [sys.executable, "-c", IN_A_PLAIN_LOCALE.replace("GIVEN", ascii(given))],
        env={**os.environ, **plain, "PYTHONPATH": str(product.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.stdout.splitlines() == [r"sync.tls-file '/nowhere/\u4e2d.pem'"] * 6, child.stderr
