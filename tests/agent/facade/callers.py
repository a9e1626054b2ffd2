"""The façade in this process on its real socket and port, with fake readers, and who calls it."""

import contextlib
import os
import pwd
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.equipment.lane import InputThread, Lane
from agent.equipment.reader_queue import ReaderQueue
from agent.facade import wire
from agent.facade.desk import CallDispatcher, CallerConnection
from agent.facade.disclosure import DisclosureBook
from agent.facade.means import CardServices
from agent.facade.refusals import Refusals
from agent.facade.standing import StatusReader
from agent.facade.unix import UnixServer
from agent.facade.web_server import WebServer
from agent.messages.results import Results
from agent.messages.texts import Texts
from config.model import FacadeClient
from contracts.scenes.stand import KEYS, FakeReader, Stand, cast_store
from drivers.contract import Interface
from offline_store.clock import Clock
from simulators.site import until
from tests.agent.facade.counter import EVERYTHING, Counter
from world.real import RealWorld

USER = pwd.getpwuid(os.geteuid()).pw_name
ORIGIN, WITHIN = "https://his.clinic.example", 60.0


class Live:
    """A desk in real time, one contact reader with a card in it; `unix` and `web` serve it."""

    def __init__(self, folder: Path, *, user: str = USER) -> None:
        world = RealWorld()
        self.stand = Stand(world, pace=0.0)  # type: ignore[arg-type]
        self.slot = FakeReader(world, "slot", Interface.CONTACT)
        lane = Lane("window", "counter", None, [self.stand.prompts])
        self.seat = ReaderQueue(lane, self.slot, None)
        self.thread = InputThread(world, "reader slot", self.slot.events, self.seat.take)
        self.thread.start()
        references = self.stand.references
        unasked = StatusReader(None, references, "", "record")
        book = DisclosureBook(Clock(world), cast_store(self.stand.store), references, unasked)
        self.desk = CallDispatcher(
            seats=[self.seat],
            means=CardServices(world, self.stand.desk.authenticator, KEYS, "WINDOW-7", unasked),
            watchdog=self.stand.watchdog,
            results=Results(Texts("en")),
            book=book,
            lease=60.0,
            pin_timeout=30.0,
            require=lambda capability: None,
        )
        self.path = folder / "sscard.sock"
        self.clients = [
            FacadeClient(name="clinic", user=user, purpose="made up", capabilities=EVERYTHING)
        ]
        self.refusals = Refusals(world)
        self.unix = UnixServer(world, self.path, self.clients, self.connect, self.refusals)
        self.world = world
        self.port = 0
        self.web: WebServer | None = None

    def connect(self, client: FacadeClient, caller: str) -> CallerConnection:
        return CallerConnection(self.desk, client, caller)

    def serve_web(self, users: tuple[str, ...] = ()) -> None:
        """On a free port, which the client's Host then names."""
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        page = FacadeClient(
            name="page",
            origin=ORIGIN,
            host=f"localhost:{self.port}",
            users=users,
            purpose="made up",
            capabilities=EVERYTHING,
        )
        self.web = WebServer(self.world, self.port, [page], self.connect, self.refusals)
        self.web.start()

    def insert(self, key: str = "lin") -> None:
        self.slot.insert(self.stand.card(key, Interface.CONTACT))
        until(lambda: self.seat.card_present is not None, "the card is not seen")
        until(lambda: bool(self.stand.sams.status()[0].terminal_number), "no PSAM", WITHIN)

    def free(self) -> bool:
        """Nobody holds the reader, and no card is powered."""
        return not self.desk.leases.current() and not self.slot.powered

    def await_free(self) -> None:
        until(self.free, "the reader is still held", WITHIN)

    def info(self, key: str = "lin") -> str:
        return Counter.info(self, key)  # type: ignore[arg-type]

    def hsm(self, question: Sequence[str]) -> str:
        return Counter.hsm(self, question)  # type: ignore[arg-type]

    def proof(self, *asked: object) -> str:
        return Counter.proof(self, *asked)  # type: ignore[arg-type]

    def stop(self) -> None:
        self.desk.close()
        self.unix.stop()
        if self.web is not None:
            self.web.stop()
        self.thread.stop()
        self.thread.join(WITHIN)
        self.stand.watchdog.stop()
        self.stand.sams.stop()


@contextlib.contextmanager
def live(
    folder: Path, *, web: bool = False, user: str = USER, users: tuple[str, ...] = ()
) -> Iterator[Live]:
    made = Live(folder, user=user)
    made.unix.start()
    if web:
        made.serve_web(users)
    try:
        yield made
    finally:
        made.stop()


class Library:
    """What libsscard does, in Python: frames over one connection."""

    def __init__(self, path: Path) -> None:
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.line.connect(str(path))  # waits where many are before it
        self.line.settimeout(WITHIN)

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *exception: object) -> None:
        self.line.close()

    def call(self, function: str, *parameters: bytes) -> tuple[int, str]:
        self.line.sendall(wire.call(function, parameters))
        return self.answer()

    def answer(self) -> tuple[int, str]:
        result, output = wire.read_answer(self._exactly(wire.length_of(self._exactly(4))))
        return result, output.decode("gbk")

    def over(self) -> bool:
        """The daemon has hung up."""
        try:
            return self.line.recv(1) == b""
        except ConnectionResetError:
            return True

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            chunk = self.line.recv(size - len(found))
            if not chunk:
                raise ConnectionResetError
            found += chunk
        return found
