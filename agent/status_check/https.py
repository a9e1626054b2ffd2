"""A province's own status service by HTTPS: one question, one connection, one deadline.

The exchange runs on a task of its own, because a name service or a stack that hangs must not keep
the lane's thread beyond its deadline; the task ends by the same deadline as soon as the system lets
go of it. No redirect is followed, no answer is longer than `LONGEST`, and neither question nor
answer is kept or repeated anywhere.
"""

import http.client
import io
import ssl
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import urlsplit

from agent.status_check.faults import (
    AnswerMalformed,
    BadCertificate,
    Busy,
    HttpError,
    Redirected,
    ServiceUnreachable,
    TimedOut,
    TooLarge,
)
from agent.status_check.mapping import HTTPS, Mapping
from agent.status_check.signing import Signer
from agent.status_check.wire import PreparedRequest, Told, Wire
from config.model import StatusServiceSettings as Settings
from sync.contract.services import StatusAnswer, StatusRequest
from sync.tls import client_context
from trust.keystore import KeyStore
from trust.sm2 import Sm2, sm2
from world import Fault, QueueEmpty, World, cause_of
from world.ports import Queue, Stream

LONGEST: Final = 64 * 1024  # bytes of an answer's body
AT_ONCE: Final = 4  # questions under way; lanes of one terminal are fewer
NONCE: Final = 16  # bytes


class HttpsSource:
    """`agent.status_check.port.StatusSource`. Raises `Sm2Unavailable`; what is wrong with its files
    for TLS, each question raises until it is mended."""

    def __init__(self, world: World, settings: Settings, mapping: Mapping, keys: KeyStore) -> None:
        self.name = f"https:{settings.name}"
        self._world = world
        self._service = settings.name
        self._request = mapping.request
        url = urlsplit(mapping.request.url)
        self._address = (url.hostname or "", url.port or HTTPS)
        self._path = url.path or "/"
        if url.query:
            self._path += f"?{url.query}"
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._wire = _wire(settings.name, mapping, keys)
        self._counting = world.lock()
        self._under_way = 0

    def ask(self, question: StatusRequest, within: float) -> StatusAnswer:
        """See `StatusSource`. Raises `Busy`, and what `_exchange` raises."""
        until = self._world.monotonic() + within
        with self._counting:
            if self._under_way >= AT_ONCE:
                raise Busy(service=self._service, waiting=self._under_way)
            self._under_way += 1
        outcome: Queue[StatusAnswer | Fault] = self._world.queue()
        self._world.spawn(
            lambda: self._carry(question, until, within, outcome), name=f"status {self._service}"
        )
        try:
            came = outcome.get(within)
        except QueueEmpty:
            raise self._timed_out(within) from None
        if isinstance(came, Fault):
            raise came
        return came

    def _carry(
        self,
        question: StatusRequest,
        until: float,
        within: float,
        outcome: Queue[StatusAnswer | Fault],
    ) -> None:
        came: StatusAnswer | Fault
        try:
            came = self._exchange(question, until, within)
        except Fault as fault:
            came = fault
        finally:
            with self._counting:
                self._under_way -= 1
        outcome.put(came)

    def _exchange(self, question: StatusRequest, until: float, within: float) -> StatusAnswer:
        """Raises faults of this module's neighbours and of the key store."""
        nonce = self._world.random(NONCE).hex()
        asking = self._wire.asking(question, now=self._world.now(), nonce=nonce)
        try:
            told = self._told(asking, until)
        except TimeoutError:
            raise self._timed_out(within) from None
        except ssl.SSLCertVerificationError as error:
            raise BadCertificate(
                service=self._service, host=self._address[0], cause=error.verify_message
            ) from error
        except (OSError, UnicodeError) as error:  # the latter: no name that IDNA knows
            raise self._unreachable(error) from error
        # http.client takes "-5" for a chunk's size, and its reader does not.
        except (http.client.HTTPException, ValueError) as error:
            raise AnswerMalformed(service=self._service, part=type(error).__name__) from None
        return self._wire.answer(told, nonce)

    def _told(self, asking: PreparedRequest, until: float) -> Told:
        def left() -> float:
            remaining = until - self._world.monotonic()
            if remaining <= 0:
                raise TimeoutError
            return remaining

        if self._context is None:
            files = self._settings
            self._context = client_context(self._world, files.ca, files.certificate, files.key)
        stream = self._world.connect_tls(self._address, self._context, left())
        connection = _Connection(self._address, _Bounded(stream, left))
        try:
            headers = {"Connection": "close", "Accept": "application/json", **asking.headers}
            target = self._path + asking.target
            connection.request(self._request.method, target, asking.body or None, headers)
            response = connection.getresponse()
            self._require_good(response.status)
            body = response.read(LONGEST + 1)
            if len(body) > LONGEST:
                raise TooLarge(service=self._service, limit=LONGEST)
            return Told(body, {name.lower(): value for name, value in response.getheaders()})
        finally:
            connection.close()
            stream.close()

    def _require_good(self, status: int) -> None:
        if 300 <= status < 400:
            raise Redirected(service=self._service, status=status)
        if status != http.client.OK:
            raise HttpError(service=self._service, status=status)

    def _timed_out(self, within: float) -> TimedOut:
        return TimedOut(service=self._service, milliseconds=round(within * 1000))

    def _unreachable(self, error: OSError | UnicodeError) -> ServiceUnreachable:
        told = cause_of(error) if isinstance(error, OSError) else type(error).__name__
        reason = error.reason if isinstance(error, ssl.SSLError) else None
        host, port = self._address
        return ServiceUnreachable(service=self._service, host=host, port=port, cause=reason or told)


class _Bounded:
    """What http.client takes for a socket: a stream whose every wait ends by one deadline."""

    def __init__(self, stream: Stream, left: Callable[[], float]) -> None:
        self._stream = stream
        self._left = left

    def sendall(self, data: bytes) -> None:
        self._stream.settimeout(self._left())
        self._stream.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._stream, self._left))

    def close(self) -> None:
        """The stream is closed by whoever opened it: http.client lets go of it early."""


class _Incoming(io.RawIOBase):
    """The stream's incoming side."""

    def __init__(self, stream: Stream, left: Callable[[], float]) -> None:
        self._stream = stream
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._stream.settimeout(self._left())
        data = self._stream.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Connection(http.client.HTTPConnection):
    """HTTP over a stream that is connected already."""

    def __init__(self, address: tuple[str, int], stream: _Bounded) -> None:
        super().__init__(*address)
        self.default_port = HTTPS  # of the Host header
        self.sock = cast(Any, stream)


def _wire(service: str, mapping: Mapping, keys: KeyStore) -> Wire:
    hows = (mapping.request.sign, mapping.answer.verify)
    library: Sm2 | None = None
    if any(how is not None and how.method == "sm2" for how in hows):
        library = sm2()
    sign, verify = (
        None
        if how is None
        else Signer(service, how, keys, library if how.method == "sm2" else None)
        for how in hows
    )
    return Wire(service, mapping, sign=sign, verify=verify)
