"""The other end of a conversation that is known to the byte."""

import threading
from collections.abc import Callable, Sequence

ACK, NACK = "0000FF00FF00", "0000FFFF0000"


class Script:
    """See `simulators.devices.pty.Peer`. What the host says has to be the script's next words; it
    is answered with theirs. `wrong` is what it said instead, `over` is set at the script's end."""

    def __init__(self, turns: Sequence[tuple[str, str]], baudrate: int = 115_200) -> None:
        self.baudrate = baudrate
        self.wrong = ""
        self.over = threading.Event()
        self.heard = bytearray()
        self._turns = [(bytes.fromhex(said), bytes.fromhex(answer)) for said, answer in turns]

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        self.heard += data
        while self._turns and not self.wrong:
            said, answer = self._turns[0]
            if not self.heard.startswith(said):
                if not said.startswith(self.heard):
                    self.wrong = f"{self.heard.hex()} instead of {said.hex()}"
                    self.over.set()
                return
            del self.heard[: len(said)]
            del self._turns[0]
            if answer:
                send(answer)
            if not self._turns:
                self.over.set()
