"""`python -m simulators`: cards for other programs, by orders on standard input."""

import os
import subprocess
import sys
from collections.abc import Mapping

from simulators.site import until


def test_a_foreign_client_talks_to_a_card_that_was_ordered_in() -> None:
    desk = subprocess.Popen(
        [sys.executable, "-m", "simulators"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with desk:
        assert desk.stdin is not None
        assert desk.stdout is not None
        name, _, path = desk.stdout.readline().removeprefix("export ").strip().partition("=")

        def order(words: str) -> str:
            assert desk.stdin is not None
            assert desk.stdout is not None
            desk.stdin.write(words + "\n")
            desk.stdin.flush()
            return desk.stdout.readline().strip()

        assert order("insert nobody") == "there is no nobody; `cards` lists them"
        assert order("insert lin contact") == "lin lies in Onecard Contact"
        environment = {**os.environ, name: path}
        until(lambda: _answered(environment), "opensc-tool does not reach the card")
        assert order("remove") == "done"
        desk.stdin.write("quit\n")
    assert desk.returncode == 0


def _answered(environment: Mapping[str, str]) -> bool:
    select = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
    tool = ["opensc-tool", "--reader", "Onecard Contact 00 00", "--send-apdu", select]
    told = subprocess.run(tool, env=environment, capture_output=True, text=True, check=False)
    return "Received (SW1=0x90, SW2=0x00)" in told.stdout
