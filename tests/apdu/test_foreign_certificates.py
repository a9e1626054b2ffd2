"""Certificates as other programs make them: OpenSSL's own, and what authorities' older software
writes into them. Each whole one verifies; what is malformed stays so. OpenSSL is asked as well."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from apdu import der
from apdu.certificate import (
    Certificate,
    CertificateMalformed,
    CertificateUntrusted,
    Chain,
    verify_chain,
)
from tests.simulators.cards.terminal import CITY
from trust import curve
from trust.sm2 import sm2

SM2 = sm2()
OTHER_ROOT = CITY.certificate_authority.root
NAMED = "distid:1234567812345678"
CONFIGURATION = """\
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
[req]
distinguished_name = dn
[dn]
"""
ROOT_NAME = ("/C=CN/O=Made-up/CN=Made-up Root", "Made-up", "Made-up Root")


class Authority:
    """A root and a certificate of it, by the openssl command, in a folder. `named`: with the
    default identity instead of none."""

    def __init__(self, folder: Path, *, named: bool = True, extensions: bool = True) -> None:
        self._folder = folder
        (folder / "o.cnf").write_text(CONFIGURATION)
        how = ["-sm3", *(["-sigopt", NAMED] if named else [])]
        for name in ("root", "leaf"):
            self._run("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", f"{name}.key")
        self._run(
            *("req", "-x509", "-new", "-key", "root.key", *how, "-subj", ROOT_NAME[0]),
            *("-days", "36500", "-out", "root.pem", "-config", "o.cnf"),
            *(["-extensions", "ca"] if extensions else []),
        )
        self._run(
            *("req", "-new", "-key", "leaf.key", *how, "-subj", "/C=CN/CN=Card 0001"),
            *("-out", "leaf.csr", "-config", "o.cnf"),
        )
        self._run(
            *("x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key"),
            *(how if not named else [*how, "-vfyopt", NAMED]),
            *("-CAcreateserial", "-days", "36500", "-out", "leaf.pem"),
            *(["-extfile", "o.cnf", "-extensions", "leaf"] if extensions else []),
        )
        self.root, self.leaf = self.der_of("root"), self.der_of("leaf")
        self.private = self._private()
        # version, serial, algorithm, issuer, validity, subject, key, extensions
        self.parts = [one.raw for one in der.parse(self.leaf).children[0].children]

    def _run(self, *arguments: str) -> bytes:
        return subprocess.run(
            ["openssl", *arguments], check=True, capture_output=True, cwd=self._folder
        ).stdout

    def der_of(self, name: str) -> bytes:
        return self._run("x509", "-in", f"{name}.pem", "-outform", "DER")

    def key_as(self, *how: str) -> bytes:
        """The leaf's public key in another form."""
        return self._run("ec", "-in", "leaf.key", "-pubout", *how, "-outform", "DER")

    def _private(self) -> bytes:
        text = self._run("ec", "-in", "root.key", "-noout", "-text").decode()
        digits = "".join(text.split("priv:")[1].split("pub:")[0].split()).replace(":", "")
        return bytes.fromhex(digits)[-32:]

    def again(self, parts: list[bytes]) -> bytes:
        """A certificate of these parts, signed by the root."""
        body = tlv(0x30, *parts)
        signature = curve.signature_der(SM2.sign(self.private, body))
        assert signature is not None
        return tlv(0x30, body, self.parts[2], tlv(0x03, b"\0" + signature))

    def with_part(self, at: int, part: bytes) -> bytes:
        return self.again([*self.parts[:at], part, *self.parts[at + 1 :]])

    def verified(self, raw: bytes) -> Chain:
        leaf, root = Certificate.parse(raw), Certificate.parse(self.root)
        now = max(leaf.not_before, root.not_before)
        return verify_chain(leaf, [], [root], sm2=SM2, now=now)

    def openssl_verifies(self, raw: bytes) -> bool:
        (self._folder / "any.der").write_bytes(raw)
        pem = subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-in", "any.der"],
            capture_output=True,
            cwd=self._folder,
            check=False,
        )
        (self._folder / "any.pem").write_bytes(pem.stdout)
        asked = ["openssl", "verify", "-vfyopt", NAMED, "-CAfile", "root.pem", "any.pem"]
        return not subprocess.run(
            asked, capture_output=True, cwd=self._folder, check=False
        ).returncode


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("openssl"))


def tlv(tag: int, *content: bytes) -> bytes:
    whole = b"".join(content)
    size = len(whole)
    if size < 0x80:
        return bytes((tag, size)) + whole
    length = size.to_bytes(1 if size < 0x100 else 2)
    return bytes((tag, 0x80 | len(length))) + length + whole


def extension(oid: str, value: str, critical: str = "") -> bytes:
    """`critical`: the BOOLEAN as it stands, hex."""
    return tlv(
        0x30,
        tlv(0x06, bytes.fromhex(oid)),
        bytes.fromhex(critical),
        tlv(0x04, bytes.fromhex(value)),
    )


def extensions(*items: bytes) -> bytes:
    return tlv(0xA3, tlv(0x30, *items))


def times(tag: int, begin: bytes, end: bytes) -> bytes:
    return tlv(0x30, tlv(tag, begin), tlv(tag, end))


def name(tag: int, organisation: bytes, common: bytes) -> bytes:
    parts = [("550406", 0x13, b"CN"), ("55040a", tag, organisation), ("550403", tag, common)]
    return tlv(
        0x30,
        *(
            tlv(0x31, tlv(0x30, tlv(0x06, bytes.fromhex(oid)), tlv(kind, text)))
            for oid, kind, text in parts
        ),
    )


KEY_USAGE = extension("551d0f", "03020780", "0101ff")
WRITTEN_OUT = "010100"
Made = Callable[[Authority], bytes]
WHOLE: dict[str, Made] = {
    "OpenSSL's own": lambda a: a.leaf,
    "critical FALSE written out": lambda a: a.with_part(
        7, extensions(extension("551d0f", "03020780", WRITTEN_OUT))
    ),
    "unknown, critical FALSE written out": lambda a: a.with_part(
        7, extensions(KEY_USAGE, extension("2a0304", "0500", WRITTEN_OUT))
    ),
    "unknown and not critical": lambda a: a.with_part(
        7, extensions(KEY_USAGE, extension("2a811ccf500a04", "130131"))
    ),
    "cA FALSE written out": lambda a: a.with_part(
        7, extensions(KEY_USAGE, extension("551d13", "3003010100"))
    ),
    "extensions in another order": lambda a: a.with_part(
        7, extensions(extension("551d13", "3000"), KEY_USAGE)
    ),
    "extended key usage, critical": lambda a: a.with_part(
        7, extensions(KEY_USAGE, extension("551d25", "300a06082b06010505070302", "0101ff"))
    ),
    "policies, critical": lambda a: a.with_part(
        7, extensions(KEY_USAGE, extension("551d20", "3007300506032a0304", "0101ff"))
    ),
    "alternative name, critical": lambda a: a.with_part(
        7, extensions(KEY_USAGE, extension("551d11", "3003820161", "0101ff"))
    ),
    "version 1": lambda a: a.again(a.parts[1:7]),
    "version 1 written out": lambda a: a.again([bytes.fromhex("a003020100"), *a.parts[1:7]]),
    "version 2 with unique ids": lambda a: a.again(
        [bytes.fromhex("a003020101"), *a.parts[1:7], tlv(0x81, b"\0\1"), tlv(0x82, b"\0\2")]
    ),
    "compressed key": lambda a: a.with_part(6, a.key_as("-conv_form", "compressed")),
    "curve by its numbers": lambda a: a.with_part(6, a.key_as("-param_enc", "explicit")),
    "issuer as PrintableString": lambda a: a.with_part(3, name(0x13, b"Made-up", b"Made-up Root")),
    "issuer in other capitals": lambda a: a.with_part(3, name(0x0C, b"MADE-UP", b"made-up root")),
    "issuer with two blanks": lambda a: a.with_part(3, name(0x0C, b"Made-up", b" Made-up  Root")),
    "issuer as BMPString": lambda a: a.with_part(
        3, name(0x1E, "Made-up".encode("utf-16-be"), "Made-up Root".encode("utf-16-be"))
    ),
    "GeneralizedTime before 2050": lambda a: a.with_part(
        4, times(0x18, b"20200101000000Z", b"20491231235959Z")
    ),
    "no well-defined end": lambda a: a.with_part(
        4, tlv(0x30, tlv(0x17, b"200101000000Z"), tlv(0x18, b"99991231235959Z"))
    ),
    "serial of 20 bytes": lambda a: a.with_part(1, tlv(0x02, b"\x7f" * 20)),
    "empty subject": lambda a: a.with_part(5, tlv(0x30)),
}
# What a display text does not decide: OpenSSL does not even load these.
UNTIDY: dict[str, Made] = {
    "GBK in a UTF8String": lambda a: a.with_part(5, name(0x0C, "卡".encode("gbk"), b"\xff\xfe")),
    "attribute of no form": lambda a: a.with_part(5, tlv(0x30, tlv(0x31, tlv(0x30, tlv(0x05))))),
}
MALFORMED: dict[str, tuple[str, Made]] = {
    "TRUE that is 01": (
        "extension",
        lambda a: a.with_part(7, extensions(extension("551d0f", "03020780", "010101"))),
    ),
    "an extension twice": (
        "extensions",
        lambda a: a.with_part(7, extensions(KEY_USAGE, KEY_USAGE)),
    ),
    "extensions of a version 1": ("extensions", lambda a: a.again(a.parts[1:8])),
    "version 4": ("version", lambda a: a.with_part(0, bytes.fromhex("a003020103"))),
    "time without seconds": (
        "time",
        lambda a: a.with_part(4, times(0x17, b"2001010000Z", b"4912312359Z")),
    ),
    "time of another zone": (
        "time",
        lambda a: a.with_part(4, times(0x17, b"200101000000+0800", b"491231235959+0800")),
    ),
    "30 February": (
        "time",
        lambda a: a.with_part(4, times(0x17, b"200101000000Z", b"490230000000Z")),
    ),
    "serial with a byte too many": ("serial", lambda a: a.with_part(1, tlv(0x02, b"\0\1"))),
    "another curve by its name": (
        "key",
        lambda a: a.with_part(
            6,
            a.parts[6].replace(
                bytes.fromhex("06082a811ccf5501822d"), bytes.fromhex("06082a8648ce3d030107")
            ),
        ),
    ),
    "another generator": (
        "key",
        lambda a: a.with_part(
            6,
            a.key_as("-param_enc", "explicit").replace(
                b"\4" + curve.G[0].to_bytes(32) + curve.G[1].to_bytes(32),
                b"\4" + SM2.public(b"\x11" * 32),
            ),
        ),
    ),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_certificate_of_another_program_verifies(authority: Authority, case: str) -> None:
    raw = WHOLE[case](authority)
    assert authority.verified(raw).identities == ("default",)
    assert authority.openssl_verifies(raw)


@pytest.mark.parametrize("case", UNTIDY)
def test_a_name_that_cannot_be_read_refuses_no_certificate(authority: Authority, case: str) -> None:
    assert authority.verified(UNTIDY[case](authority))


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_malformed_is_refused(authority: Authority, case: str) -> None:
    reason, made = MALFORMED[case]
    with pytest.raises(CertificateMalformed) as caught:
        authority.verified(made(authority))
    assert caught.value.facts["reason"] == reason


def test_an_unknown_critical_extension_is_not_understood(authority: Authority) -> None:
    raw = authority.with_part(7, extensions(KEY_USAGE, extension("2a0304", "0500", "0101ff")))
    with pytest.raises(CertificateUntrusted) as caught:
        authority.verified(raw)
    assert caught.value.facts["reason"] == "extension"


def test_a_certificate_that_is_signed_under_no_identity_verifies_and_says_so(
    tmp_path: Path,
) -> None:
    unnamed = Authority(tmp_path, named=False)
    assert unnamed.verified(unnamed.leaf).identities == ("empty",)
    changed = bytearray(unnamed.leaf)
    changed[-1] ^= 1
    with pytest.raises((CertificateUntrusted, CertificateMalformed)):
        unnamed.verified(bytes(changed))


def test_a_root_of_version_1_is_trusted_where_the_caller_trusts_it(tmp_path: Path) -> None:
    """The command of older OpenSSL, and of a newer one that is given no extensions."""
    authority = Authority(tmp_path)
    root = der.parse(authority.root).children[0].children
    old = Certificate.parse(authority.again([one.raw for one in root[1:7]]))
    leaf = Certificate.parse(authority.leaf)
    assert (old.version, old.is_old_root, old.may_issue(0)) == (1, True, False)
    now = leaf.not_before + 1
    assert verify_chain(leaf, [], [old], sm2=SM2, now=now).certificates == (leaf, old)
    with pytest.raises(CertificateUntrusted):  # in between it vouches for nobody
        verify_chain(leaf, [old], [Certificate.parse(OTHER_ROOT)], sm2=SM2, now=now)
