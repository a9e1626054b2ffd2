"""`doctor` on the files of TLS: each is named that the service cannot use, and what to do."""

import os
import pwd
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

import msgspec
import pytest

from agent.doctor.findings import Finding
from config.model import StatusServiceSettings, Sync
from simulators.certificates import Authority, Issued
from tests.agent.doctor.cases import TLS, Box, box, examined, has_words, settings
from tests.tls import locked

TODAY = datetime.now(UTC).timestamp()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def on_the_link(
    authority: Authority,
    issued: Issued,
    at: Box | None = None,
    *,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
) -> list[Finding]:
    """What is found of TLS, with these files at the link to the platform."""
    link = Sync(
        host="h",
        ca=str(ca or authority.certificate),
        certificate=str(certificate or issued.certificate),
        key=str(key or issued.key),
    )
    return of_tls(examined(at or box(time=TODAY), of=settings(sync=link)))


def of_tls(findings: list[Finding]) -> list[Finding]:
    found = [finding for finding in findings if finding.id in TLS]
    for finding in found:
        assert finding.well == TLS[finding.id]
        has_words(finding)
    return found


@pytest.mark.parametrize(
    ("days", "finding"),
    [(60, "certificate-valid"), (29, "certificate-ends-soon"), (-1, "certificate-expired")],
)
def test_certificates_are_judged_by_their_last_day(
    tmp_path: Path, authority: Authority, days: int, finding: str
) -> None:
    """qz tray #150: which certificate, until when, what to do."""
    issued = authority.issue("gate-1", valid=timedelta(days=3650))
    at = box(time=(datetime.now(UTC) + timedelta(days=3650 - days)).timestamp())
    found = on_the_link(authority, issued, at)
    (own,) = (f for f in found if f.facts["path"] == str(issued.certificate))
    assert own.id == finding
    assert len(str(own.facts["until"])) == len("2026-09-21")


def test_a_certificate_that_is_not_yet_valid_is_not_called_valid(authority: Authority) -> None:
    issued = authority.issue("gate-1", starts=timedelta(days=2))
    found = on_the_link(authority, issued)
    assert [f.id for f in found] == ["certificate-valid", "certificate-not-yet-valid"]
    assert found[1].facts["path"] == str(issued.certificate)


def test_an_old_authority_beside_its_successor_is_no_trouble(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    old = authority.issue("old", valid=timedelta(days=-1)).certificate
    both = tmp_path / "both.pem"
    both.write_bytes(old.read_bytes() + authority.certificate.read_bytes())
    found = on_the_link(authority, authority.issue("gate-1"), ca=both)
    assert all(f.well for f in found)


def test_an_authority_that_is_to_follow_does_not_make_todays_wrong(
    tmp_path: Path, authority: Authority
) -> None:
    follows = authority.issue("next", starts=timedelta(days=5), valid=timedelta(days=3650))
    both = tmp_path / "both.pem"
    both.write_bytes(authority.certificate.read_bytes() + follows.certificate.read_bytes())
    found = on_the_link(authority, authority.issue("gate-1"), ca=both)
    assert all(f.well for f in found)


@pytest.mark.parametrize(
    ("starts", "valid", "finding"),
    [(-60, -1, "certificate-expired"), (2, 30, "certificate-not-yet-valid")],
)
def test_what_lies_behind_ones_own_certificate_does_not_lengthen_it(
    tmp_path: Path, authority: Authority, starts: int, valid: int, finding: str
) -> None:
    own = authority.issue("gate-1", starts=timedelta(starts), valid=timedelta(valid))
    longer = authority.issue("other", valid=timedelta(days=3650))
    chain = tmp_path / "chain.pem"
    files = (own.certificate, authority.certificate, longer.certificate)
    chain.write_bytes(b"".join(file.read_bytes() for file in files))
    found = on_the_link(authority, own, certificate=chain)
    assert [f.id for f in found if f.facts["path"] == str(chain)] == [finding]


def test_an_issuer_in_ones_own_file_that_has_expired_is_found(
    tmp_path: Path, authority: Authority
) -> None:
    own = Authority(tmp_path / "between", "between").issue("gate-1")
    between = authority.issue("between", valid=timedelta(days=-1))
    chain = tmp_path / "chain.pem"
    chain.write_bytes(own.certificate.read_bytes() + between.certificate.read_bytes())
    found = on_the_link(authority, own, certificate=chain)
    assert [f.id for f in found if f.facts["path"] == str(chain)] == ["certificate-expired"]


def test_a_certificate_that_openssl_alone_reads_is_no_reason_to_end(
    tmp_path: Path, authority: Authority
) -> None:
    trusted = tmp_path / "trusted.pem"
    made = ["openssl", "x509", "-trustout", "-in", str(authority.certificate), "-out", str(trusted)]
    subprocess.run(made, check=True)
    found = on_the_link(authority, authority.issue("gate-1"), ca=trusted)
    assert [f.id for f in found if f.facts["path"] == str(trusted)] == ["certificate-undated"]


class Spoilt(TypedDict, total=False):
    """In place of the good files."""

    ca: Path
    certificate: Path
    key: Path


Spoil = Callable[[Path, Issued, Authority], Spoilt]


def _missing(folder: Path, issued: Issued, authority: Authority) -> Spoilt:
    return {"key": folder / "nowhere.key"}


def _text(folder: Path, issued: Issued, authority: Authority) -> Spoilt:
    (folder / "notes.pem").write_bytes(b"not PEM")
    return {"ca": folder / "notes.pem"}


def _revoked_ones(folder: Path, issued: Issued, authority: Authority) -> Spoilt:
    return {"ca": authority.revoked()}


def _swapped(folder: Path, issued: Issued, authority: Authority) -> Spoilt:
    return {"certificate": issued.key, "key": issued.certificate}


def _pipe(folder: Path, issued: Issued, authority: Authority) -> Spoilt:
    os.mkfifo(folder / "pipe.pem")
    return {"ca": folder / "pipe.pem"}


def _under_passphrase(folder: Path, issued: Issued, authority: Authority) -> Spoilt:
    return {"key": locked(issued.key, folder / "locked.key")}


def _of_another(folder: Path, issued: Issued, authority: Authority) -> Spoilt:
    return {"key": authority.issue("gate-2").key}


@pytest.mark.parametrize(
    ("spoil", "code", "named"),
    [
        (_missing, "sync.tls-file", "nowhere.key"),
        (_text, "sync.tls-file", "notes.pem"),
        (_revoked_ones, "sync.tls-file", "revoked.pem"),
        (_pipe, "sync.tls-file", "pipe.pem"),
        (_swapped, "sync.tls-file", "gate-1-1.key"),
        (_under_passphrase, "sync.tls-key-locked", "locked.key"),
        (_of_another, "sync.tls-key-mismatch", "gate-2-2.key"),
    ],
)
def test_the_file_that_is_wrong_is_the_one_that_is_named(
    tmp_path: Path, authority: Authority, spoil: Spoil, code: str, named: str
) -> None:
    issued = authority.issue("gate-1")
    (found,) = on_the_link(authority, issued, **spoil(tmp_path, issued, authority))
    assert found.id == "tls-unusable"
    assert found.cause is not None
    assert found.cause[0] == code
    assert named in " ".join(map(str, found.cause[1].values()))


def test_a_key_that_everybody_may_read_is_named_with_the_command(authority: Authority) -> None:
    issued = authority.issue("gate-1")
    issued.key.chmod(0o644)
    exposed = [f for f in on_the_link(authority, issued) if f.id == "tls-key-exposed"]
    assert [f.facts["path"] for f in exposed] == [str(issued.key)]


def test_the_files_of_a_status_service_are_looked_at_too(
    tmp_path: Path, authority: Authority
) -> None:
    service = StatusServiceSettings(name="river", kind="https", ca=str(tmp_path / "nowhere.pem"))
    of = settings()
    of = msgspec.structs.replace(of, status=msgspec.structs.replace(of.status, services=(service,)))
    (found,) = of_tls(examined(box(time=TODAY), of=of))
    assert found.cause == (
        "sync.tls-file",
        {"file": str(tmp_path / "nowhere.pem"), "cause": "No such file or directory"},
    )


class Elsewhere(Box):
    """The service's user is another one than ours, and this is what the system lets it read."""

    def __init__(self, *kept: Path) -> None:
        super().__init__()
        self.time = TODAY
        self.kept = kept

    def may_read(self, path: Path, user: str) -> bool:
        assert user == "onecard"
        return path not in self.kept


def test_what_the_service_cannot_read_is_named_though_root_can(authority: Authority) -> None:
    issued = authority.issue("gate-1")
    found = on_the_link(authority, issued, Elsewhere(issued.key))
    (denied,) = found
    assert (denied.id, denied.facts["path"]) == ("file-denied", str(issued.key))


class Denied(Box):
    """We are a member of the group, and one file is for the service alone."""

    def __init__(self, kept: Path) -> None:
        super().__init__()
        self.time = TODAY
        self.kept = kept

    def open(self, path: Path, mode: str, *, regular: bool = False):  # type: ignore[no-untyped-def]
        if path == self.kept:
            raise PermissionError(13, "Permission denied", str(path))
        return super().open(path, mode, regular=regular)


def test_what_only_the_service_may_read_is_not_called_wrong(authority: Authority) -> None:
    issued = authority.issue("gate-1")
    (found,) = on_the_link(authority, issued, Denied(issued.key))
    assert (found.id, found.facts["path"]) == ("file-not-looked-at", str(issued.key))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_users_rights_are_those_of_the_file_and_of_the_folders_above() -> None:
    nobody, world = pwd.getpwnam("nobody"), box()
    with TemporaryDirectory() as made:
        folder, file = Path(made), Path(made) / "key"
        file.write_bytes(b"made up")
        file.chmod(0o640)
        folder.chmod(0o755)
        assert not world.may_read(file, "nobody")
        os.chown(file, -1, nobody.pw_gid)
        assert world.may_read(file, "nobody")
        file.chmod(0o600)
        assert not world.may_read(file, "nobody")
        os.chown(file, nobody.pw_uid, -1)
        assert world.may_read(file, "nobody")
        assert world.may_read(folder / "nowhere", "nobody")
        folder.chmod(0o700)
        assert not world.may_read(file, "nobody")
        assert world.may_read(file, "root")
        assert world.may_read(file, "no-such-user")
