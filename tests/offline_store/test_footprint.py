"""What the daemon does not load."""

import subprocess
import sys


def test_the_daemon_does_not_load_what_only_the_child_needs() -> None:
    program = (
        "import sys, offline_store.store, offline_store.lists.on_disk, offline_store.reading;"
        "print(sorted({'sqlite_utils', 'offline_store.schema'} & sys.modules.keys()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
