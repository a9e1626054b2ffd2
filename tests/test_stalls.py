"""`./run test --stalls SEED` finds what holds only while one thread is quicker than another."""

import os
import subprocess
import sys
from pathlib import Path

STALLS = Path(__file__).with_name("stalls")

# Tells first and is so a moment later; ends when somebody who heard it finds that it is not so.
RACE = """
import queue, threading
state = {"so": False}
told, heard = queue.SimpleQueue(), queue.SimpleQueue()

def hear():
    while True:
        told.get()
        heard.put(state["so"])

threading.Thread(target=hear, daemon=True).start()
found = True
while found:
    told.put(None)
    state["so"] = True
    found = heard.get()
    state["so"] = False
print(type(threading.Lock()).__name__)
"""


def printed(program: str, **environment: str) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode().strip()


def test_a_state_that_is_told_before_it_is_so_is_found() -> None:
    found = printed(RACE, PYTHONPATH=str(STALLS), ONECARD_STALLS="1")
    assert found == "StallingLock"


def test_control_without_a_seed_nothing_stalls() -> None:
    kind = printed("import threading; print(type(threading.Lock()))", ONECARD_STALLS="")
    assert kind == printed(
        "import threading; print(type(threading.Lock()))",
        PYTHONPATH=str(STALLS),
        ONECARD_STALLS="",
    )
