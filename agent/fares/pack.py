"""`python -m agent.fares.pack PAYLOAD FILE`: a payload of `entitlements` into its packed form.

A polite child process, so that a hundred thousand people slow no tap. With exit status 65 the file
holds what is wrong with the payload.
"""

import sys
from pathlib import Path

from agent.fares.entitlements import packed
from offline_store.lists.in_memory import UNFIT_STATUS, Unfit
from world import World
from world.real import RealWorld


def pack(world: World, payload: Path, file: Path) -> int:
    """The exit status. Raises `OSError`."""
    with world.open(payload, "rb") as source:
        raw = source.read()
    try:
        world.replace_file(file, packed(raw))
    except Unfit as error:
        world.replace_file(file, str(error).encode())
        return UNFIT_STATUS
    return 0


if __name__ == "__main__":
    sys.exit(pack(RealWorld(), Path(sys.argv[1]), Path(sys.argv[2])))
