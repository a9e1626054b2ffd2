"""One line of a local program, on a thread of its own: HTTP/1.1 in (h11), answers and streams out.

A line that says nothing, or says it byte by byte, is closed; nothing here wakes by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import h11

from agent.feed import END, Feed
from agent.routes import LARGEST_BODY, BadBody
from world import Caller, Fault, Queue, World

HEAD_WITHIN = 2.0  # seconds from a request's first byte, or the line's beginning, to its head's end
IDLE: Final = 5.0  # seconds between two requests of one line
BODY_WITHIN: Final = 2.0  # seconds
TAKEN_WITHIN: Final = 10.0  # seconds in which a caller has to take an answer
LARGEST_HEAD: Final = 16 * 1024  # bytes
PIECE: Final = 4096  # bytes

Header = tuple[bytes, bytes]


class NotHttp(Fault):
    """What came is no request of HTTP/1.1, or its head is too large."""

    code = "api.not-http"


@dataclass(frozen=True)
class ApiCall:
    """A request as it came. `target`: path and query, as they were written."""

    method: str
    target: str
    media_type: str  # without its parameters, in small letters; empty where none is said
    body: bytes


@dataclass(frozen=True)
class ApiAnswer:
    """`body`: one JSON object."""

    status: int
    body: bytes


Asked = Callable[[ApiCall], ApiAnswer | Feed]
Refused = Callable[[Fault], ApiAnswer]


class _Gone(Exception):
    """The caller has hung up, or says nothing in time."""


class ApiLine:
    """`asked` answers a request, or gives the feed that the caller wants to hear; `refused` says
    what is wrong with one that cannot be read."""

    def __init__(self, world: World, caller: Caller, asked: Asked, refused: Refused) -> None:
        self._world = world
        self._caller = caller
        self._asked = asked
        self._refused = refused
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        self.answering = False  # a request is there, and its answer has not gone out

    def serve(self) -> None:
        """One request after the other, until the caller or a time limit ends it."""
        try:
            self._serve()
        except (_Gone, OSError):
            pass
        finally:
            self._caller.close()

    def hang_up(self) -> None:
        """End the line, from any thread; `serve` returns."""
        self._caller.hang_up()

    def turn_away(self, answer: ApiAnswer) -> None:
        """Say why the caller is not served, and hang up. Waits for nothing that the caller says: a
        new line has room for an answer."""
        try:
            self._tell(answer, last=True)
        except OSError:
            pass  # gone already
        finally:
            self._caller.close()

    def _serve(self) -> None:
        deadline = self._world.monotonic() + HEAD_WITHIN
        while True:
            try:
                call = self._call(deadline)
                self.answering = True
                answer = self._asked(call)
            except BadBody as fault:
                return self._tell(self._refused(fault), last=True)
            except h11.RemoteProtocolError:
                return self._misunderstood()
            if isinstance(answer, Feed):
                return self._stream(answer)
            self._tell(answer)
            self.answering = False
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return None
            self._http.start_next_cycle()
            deadline = self._until_it_asks_again()

    # What comes in

    def _call(self, deadline: float) -> ApiCall:
        """Raises `_Gone`, `BadBody`, `h11.RemoteProtocolError`, `OSError`."""
        head = self._event(deadline)
        if not isinstance(head, h11.Request):
            raise _Gone
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._caller.sendall(self._http.send(go_on) or b"")
        headers = dict(head.headers)
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return ApiCall(
            method=head.method.decode("ascii"),
            target=head.target.decode("ascii"),
            media_type=kind.decode("latin-1"),
            body=self._body(),
        )

    def _body(self) -> bytes:
        """Raises `BadBody` of one that is too large or too slow, and as `_call`."""
        deadline, body = self._world.monotonic() + BODY_WITHIN, b""
        while True:
            try:
                event = self._event(deadline)
            except TimeoutError:
                raise BadBody(problem=f"> {BODY_WITHIN:.0f} s") from None
            if isinstance(event, h11.Data):
                body += event.data
            else:
                return body
            if len(body) > LARGEST_BODY:
                raise BadBody(problem=f"> {LARGEST_BODY} bytes")

    def _event(self, deadline: float) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(self._piece(deadline))
        return event

    def _piece(self, deadline: float) -> bytes:
        """Raises `TimeoutError`, `OSError`; empty at the caller's end."""
        left = deadline - self._world.monotonic()
        if left <= 0:
            raise TimeoutError
        self._caller.settimeout(left)
        return self._caller.recv(PIECE)

    def _until_it_asks_again(self) -> float:
        """Waits for the next request's first byte; until when its head has to be there."""
        begun, _ = self._http.trailing_data
        if not begun:
            self._http.receive_data(self._piece(self._world.monotonic() + IDLE))
        return self._world.monotonic() + HEAD_WITHIN

    # What goes out

    def _misunderstood(self) -> None:
        """Nothing more that comes on this line can be understood."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._tell(self._refused(NotHttp()), last=True)

    def _tell(self, answer: ApiAnswer, *, last: bool = False) -> None:
        head = self._head(answer.status, b"application/json", length=len(answer.body), last=last)
        body = self._http.send(h11.Data(data=answer.body)) or b""
        end = self._http.send(h11.EndOfMessage()) or b""
        self._caller.settimeout(TAKEN_WITHIN)
        self._caller.sendall(head + body + end)

    def _head(
        self, status: int, kind: bytes, *, length: int | None = None, last: bool = False
    ) -> bytes:
        headers: Sequence[Header] = [
            (b"content-type", kind),
            *([] if length is None else [(b"content-length", b"%d" % length)]),
            *([(b"connection", b"close")] if last else []),
        ]
        reason = HTTPStatus(status).phrase.encode()
        response = h11.Response(status_code=status, headers=list(headers), reason=reason)
        return self._http.send(response) or b""

    def _stream(self, feed: Feed) -> None:
        """One line a report, until the caller hangs up or the feed ends."""
        with feed.listen() as reports:
            self._caller.settimeout(None)
            # At once an empty line, so that the caller knows that it listens.
            self._caller.sendall(self._head(200, b"application/x-ndjson") + self._chunk(b"\n"))
            ear = self._world.spawn(lambda: self._hear_the_end(reports), name="local api stream")
            try:
                while (report := reports.get()) != END:
                    self._caller.sendall(self._chunk(report + b"\n"))
                self._caller.sendall(self._http.send(h11.EndOfMessage()) or b"")
            finally:
                self._caller.hang_up()
                ear.join()

    def _chunk(self, data: bytes) -> bytes:
        return self._http.send(h11.Data(data=data)) or b""

    def _hear_the_end(self, reports: Queue[bytes]) -> None:
        """What the caller still says is of no interest; its end ends the stream."""
        try:
            while self._caller.recv(PIECE):
                pass
        except OSError:
            pass  # that is an end as well
        reports.put(END, priority=-1)
