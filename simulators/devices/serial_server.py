"""A serial server: a simulated device behind a TCP port of this machine, for `socket://`.

It takes one client after another. Unplugged, it hangs up and listens no more; plugged again, it is
at the same address.
"""

import socket
import threading
import time
from contextlib import suppress

from simulators.devices.pty import Peer, WireFaults


class TcpPort:
    """See `simulators.devices.pty.PtyPort`; there is no baud rate to get wrong."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.faults = WireFaults()
        self._number = 0
        self._guard = threading.Lock()
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None

    def __enter__(self) -> "TcpPort":
        self.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        self.unplug()

    @property
    def url(self) -> str:
        return f"socket://127.0.0.1:{self._number}"

    def plug(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._number), reuse_port=False)
        self._number = listener.getsockname()[1]
        with self._guard:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def unplug(self) -> None:
        with self._guard:
            listener, client = self._listener, self._client
            self._listener = self._client = None
        for end in (listener, client):
            if end is not None:
                with suppress(OSError):  # whoever waits in it is woken; it may be closed already
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def send(self, data: bytes) -> None:
        """Bytes towards the host; lost when nobody is connected."""
        if self.faults.delay:
            time.sleep(self.faults.delay)
        with self._guard:
            client = self._client
        if client is not None and not self.faults.mute:
            with suppress(OSError):
                client.sendall(data)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # unplugged
                return
            with self._guard:
                if self._listener is not listener:
                    client.close()
                    return
                self._client = client
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            while data := client.recv(4096):
                if not self.faults.deaf:
                    self.peer.received(data, self.send)
