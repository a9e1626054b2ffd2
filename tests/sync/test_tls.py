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

CONNECT = """
import sys
from sync.tls import client_context
from world import Fault
try:
    client_context(None, *sys.argv[1:])
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
    client_context(str(authority.certificate), certificate, key)
    client_context(None, str(both), None)

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
            client_context(ca, own, private)
        assert caught.value.facts["file"] == wrong
    with pytest.raises(TlsKeyMismatch) as crossed:
        client_context(None, certificate, str(other.key))
    assert crossed.value.facts == {"certificate": certificate, "key": str(other.key)}
    with pytest.raises(TlsKeyLocked):
        client_context(None, certificate, str(locked(good.key, tmp_path / "locked")))
