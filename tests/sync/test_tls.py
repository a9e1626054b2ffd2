"""The files of TLS: which one is wrong, and that nobody is asked for a passphrase."""

import os
import pty
import ssl
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from simulators.certificates import Authority
from sync.faults import TlsFile, TlsKeyLocked, TlsKeyMismatch, TlsTooWeak
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


SHA256_RSA, SHA1_RSA = (bytes.fromhex(f"2a864886f70d0101{last}") for last in ("0b", "05"))


def test_a_certificate_that_is_too_weak_is_named_and_not_its_key(tmp_path: Path) -> None:
    """By its own key, by that of an authority in its chain, by the digest of its signature."""
    good = Authority(tmp_path).issue("gate-1")
    strong = load_pem_private_key(good.key.read_bytes(), None)
    assert isinstance(strong, ec.EllipticCurvePrivateKey)
    weak = rsa.generate_private_key(65_537, 1024)
    authority = _certified(weak, by=weak)
    whole = ssl.PEM_cert_to_DER_cert(_certified(strong, by=weak).decode())
    sha1 = ssl.DER_cert_to_PEM_cert(whole.replace(SHA256_RSA, SHA1_RSA)).encode()
    for cause, key, pem in (
        ("EE_KEY_TOO_SMALL", weak, authority),
        ("CA_KEY_TOO_SMALL", strong, good.certificate.read_bytes() + authority),
        ("CA_MD_TOO_WEAK", strong, sha1),
    ):
        certificate, private = tmp_path / f"{cause}.pem", tmp_path / f"{cause}.key"
        certificate.write_bytes(pem)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(TlsTooWeak) as caught:
            client_context(WORLD, None, str(certificate), str(private))
        assert caught.value.facts == {"file": str(certificate), "cause": cause}


def _certified(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, by: rsa.RSAPrivateKey
) -> bytes:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made-up authority")]),
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate-1")]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now,
        not_valid_after=now + timedelta(days=1),
    )
    return made.sign(by, hashes.SHA256()).public_bytes(Encoding.PEM)
