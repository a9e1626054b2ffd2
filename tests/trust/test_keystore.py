"""Secrets stay private, whole and durable; what is wrong is a Fault that says what to do."""

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trust.keystore import (
    NAME,
    FileKeyStore,
    KeyStore,
    KeyStoreReadOnly,
    KeyStoreUnusable,
    Layered,
    SecretBadName,
    SecretExposed,
    SecretMissing,
    SecretNotAFile,
    SystemdCredentials,
)
from world import Fault
from world.real import RealWorld

SECRET = b"made up, not to be seen \x00\xff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(folder: Path) -> FileKeyStore:
    return FileKeyStore(RealWorld(), folder)


def test_what_is_written_is_read_listed_replaced_and_erased(store: FileKeyStore) -> None:
    assert store.names() == ()
    store.write("journal-seed", SECRET)
    store.write("issuer-city-1.pub", b"")
    store.write("journal-seed", SECRET[::-1])
    assert store.read("journal-seed") == SECRET[::-1]
    assert store.read("issuer-city-1.pub") == b""
    assert store.names() == ["issuer-city-1.pub", "journal-seed"]
    store.erase("journal-seed")
    assert store.names() == ["issuer-city-1.pub"]
    with pytest.raises(SecretMissing):
        store.read("journal-seed")


def test_folder_is_0700_and_files_are_0600_whatever_the_umask(
    store: FileKeyStore, folder: Path
) -> None:
    before = os.umask(0)
    try:
        store.write("seed", SECRET)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "seed").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601, 0o666])
def test_a_file_that_others_may_use_is_refused_with_the_command_that_mends_it(
    store: FileKeyStore, folder: Path, mode: int
) -> None:
    store.write("seed", SECRET)
    (folder / "seed").chmod(mode)
    with pytest.raises(SecretExposed) as caught:
        store.read("seed")
    path = folder / "seed"
    assert caught.value.facts == {
        "path": str(path), "mode": f"{mode:04o}", "command": f"chmod 600 {path}",
    }  # fmt: skip
    path.chmod(0o600)
    assert store.read("seed") == SECRET


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o755, 0o777])
def test_a_folder_that_others_may_use_is_refused_for_reading_and_writing(
    store: FileKeyStore, folder: Path, mode: int
) -> None:
    store.write("seed", SECRET)
    folder.chmod(mode)
    with pytest.raises(SecretExposed) as caught:
        store.read("seed")
    assert caught.value.facts["command"] == f"chmod 700 {folder}"
    with pytest.raises(SecretExposed):
        store.write("seed", b"new")
    folder.chmod(0o700)
    assert store.read("seed") == SECRET


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_file_only_for_its_owner_is_read(store: FileKeyStore, folder: Path, mode: int) -> None:
    store.write("seed", SECRET)
    (folder / "seed").chmod(mode)
    assert store.read("seed") == SECRET


def test_links_and_folders_are_not_secrets(store: FileKeyStore, folder: Path) -> None:
    store.write("seed", SECRET)
    (folder / "link").symlink_to(folder / "seed")
    (folder / "nested").mkdir(mode=0o700)
    for name in ("link", "nested"):
        with pytest.raises(SecretNotAFile):
            store.read(name)


def test_a_file_in_the_folders_place_is_refused(store: FileKeyStore, folder: Path) -> None:
    folder.write_bytes(b"")
    folder.chmod(0o600)
    with pytest.raises((SecretNotAFile, KeyStoreUnusable)):
        store.read("seed")
    with pytest.raises(SecretNotAFile):
        store.write("seed", SECRET)


BAD_NAMES = ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "-x", "a b", "a\0", "a\n", "ä",
             "x" * 65, "_x", "１"]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_cannot_leave_the_folder(store: FileKeyStore, folder: Path, name: str) -> None:
    systemd = SystemdCredentials(RealWorld(), folder)
    for use in (
        store.read, store.erase, lambda n: store.write(n, SECRET), systemd.read, systemd.erase,
        lambda n: systemd.write(n, SECRET),
    ):  # fmt: skip
        with pytest.raises(SecretBadName) as caught:
            use(name)
        assert str(caught.value.facts["name"]).isascii()
    assert not folder.exists()


@given(st.text(max_size=70))
def test_every_name_is_one_harmless_component(name: str) -> None:
    if NAME.fullmatch(name):
        assert Path(name).name == name
        assert name not in (".", "..")


def test_missing_secrets_are_named(store: FileKeyStore, folder: Path) -> None:
    for use in (store.read, store.erase):
        with pytest.raises(SecretMissing) as caught:
            use("seed")
        assert caught.value.facts == {"name": "seed", "path": str(folder / "seed")}


def test_secrets_are_not_in_representations_or_faults(store: FileKeyStore, folder: Path) -> None:
    store.write("seed", SECRET)
    assert "made up" not in repr(store) + repr(vars(store))
    (folder / "seed").chmod(0o644)
    with pytest.raises(SecretExposed) as caught:
        store.read("seed")
    assert "made up" not in repr(caught.value)


class FailingWorld(RealWorld):
    """The disk fails in the middle of a write."""

    def replace_file(self, path: Path, data: bytes, permissions: int = 0o600) -> None:
        path.with_name(f".{path.name}.new").write_bytes(data[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_failed_write_leaves_the_old_secret_and_no_name(
    store: FileKeyStore, folder: Path
) -> None:
    store.write("seed", SECRET)
    with pytest.raises(KeyStoreUnusable) as caught:
        FileKeyStore(FailingWorld(), folder).write("seed", b"new")
    assert caught.value.facts["cause"] == os.strerror(errno.ENOSPC)
    assert store.read("seed") == SECRET
    assert store.names() == ["seed"]
    store.write("seed", b"new")
    assert store.read("seed") == b"new"
    assert sorted(path.name for path in folder.iterdir()) == ["seed"]


def test_a_store_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    store = FileKeyStore(RealWorld(), tmp_path / "no" / "parent")
    with pytest.raises(KeyStoreUnusable):
        store.write("seed", SECRET)


def test_systemd_credentials_are_read_only(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "mqtt-password").write_bytes(SECRET)
    (folder / "mqtt-password").chmod(
        0o440
    )  # systemd grants by access list: the mode shows its mask
    store: KeyStore = SystemdCredentials(RealWorld(), folder)
    assert store.names() == ["mqtt-password"]
    assert store.read("mqtt-password") == SECRET
    with pytest.raises(KeyStoreReadOnly):
        store.write("mqtt-password", b"")
    with pytest.raises(KeyStoreReadOnly):
        store.erase("mqtt-password")
    with pytest.raises(SecretMissing):
        store.read("seed")
    assert "made up" not in repr(store) + repr(vars(store))


def test_every_fault_of_the_store_has_its_own_code() -> None:
    kinds: list[type[Fault]] = [
        KeyStoreReadOnly, KeyStoreUnusable, SecretBadName, SecretExposed, SecretMissing,
        SecretNotAFile,
    ]  # fmt: skip
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_what_the_agent_wrote_comes_before_the_credential_of_the_same_name(tmp_path: Path) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "journal-seed").write_bytes(b"first")
    (given / "city-reference").write_bytes(b"city")
    world = RealWorld()
    files, credentials = FileKeyStore(world, tmp_path / "keys"), SystemdCredentials(world, given)
    store = Layered(files, credentials)
    assert store.read("journal-seed") == b"first"
    store.write("journal-seed", b"second")
    assert store.read("journal-seed") == b"second"
    assert store.read("city-reference") == b"city"
    assert list(store.names()) == ["city-reference", "journal-seed"]
    with pytest.raises(SecretMissing):
        store.read("nobody")
