"""`python -m sync.platform --config FILE`: the reference receiver as a process."""

import argparse
import signal
import sys
from pathlib import Path

from sync.platform.platform import Platform
from sync.platform.settings import load
from trust.keystore import FileKeyStore
from world import Fault
from world.real import RealWorld


def main() -> int:
    """Serve until SIGTERM or SIGINT. Exit status: 0, or 78 (EX_CONFIG) when the settings or the
    database cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m sync.platform", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file")
    world = RealWorld()
    try:
        settings = load(world, parser.parse_args().config)
        platform = Platform(world, settings, FileKeyStore(world, Path(settings.keys)))
    except Fault as fault:
        sys.stderr.write(f"{fault}\n")
        return 78  # EX_CONFIG
    ended = world.event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    platform.start()
    ended.wait()
    platform.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
