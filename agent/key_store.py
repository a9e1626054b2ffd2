"""The key store that the settings name: files, or the service manager's credentials over them."""

import os
from pathlib import Path

from config.model import Keys
from trust.keystore import FileKeyStore, KeyStore, Layered, SystemdCredentials
from world import World


def key_store(world: World, settings: Keys) -> KeyStore:
    """The key store that the settings name; `systemd` needs `$CREDENTIALS_DIRECTORY`."""
    files = FileKeyStore(world, Path(settings.path))
    if settings.store == "file":
        return files
    directory = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials/onecard.service"))
    return Layered(files, SystemdCredentials(world, directory))
