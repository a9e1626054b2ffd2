"""A page's WebSocket: its calls are made and answered one after the other, in the order they came.

It is heard meanwhile, so that a page that goes frees what it leased. Who is refused is let in just
to be told: a browser shows nothing of a handshake that fails.
"""

from collections import deque
from contextlib import suppress

import anyio
from anyio import to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent.facade.call import CallAnswer
from agent.facade.desk import CallerConnection
from agent.facade.errors import answer_for
from agent.facade.faults import TooManyCallers
from agent.facade.web_envelope import Id, WebCall, WebCallRefused, id_in, read, written
from world import Fault

AHEAD = 8  # messages of one socket that wait for an answer
LONGEST_REASON = 123  # bytes (RFC 6455, 5.5)
NOT_ALLOWED, TOO_MANY, TOO_FAST = 4403, 1013, 1008  # 4000 … 4999 are the application's own
GONE = (WebSocketDisconnect, RuntimeError)  # or going: Starlette and uvicorn say either


async def turn_away(socket: WebSocket, fault: Fault) -> None:
    """Told as a message and as the reason of the end."""
    answer = answer_for(fault)
    code = TOO_MANY if isinstance(fault, TooManyCallers) else NOT_ALLOWED
    with suppress(*GONE):
        await socket.accept()
        await socket.send_text(written(answer).decode())
        await socket.close(code, _reason(fault, answer))


async def converse(socket: WebSocket, connection: CallerConnection) -> None:
    """Call after call until the caller goes."""
    due: deque[str | None] = deque()
    came = anyio.Event()
    gone = False

    async def answer_all() -> None:
        nonlocal came
        while not gone:
            await came.wait()
            came = anyio.Event()
            while due and not gone:
                answer, id_ = await _called(connection, due[0])
                try:
                    await socket.send_text(written(answer, id_).decode())
                except GONE:
                    connection.close()
                    return
                due.popleft()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer_all)
        while (message := await socket.receive())["type"] == "websocket.receive":
            if len(due) > AHEAD:
                break
            due.append(message.get("text"))
            came.set()
        gone = True
        came.set()
        # Before he is told: the call under way ends by it, and telling may fail or wait.
        connection.close()
        if message["type"] == "websocket.receive":
            with suppress(*GONE):
                await socket.close(TOO_FAST, f"> {AHEAD}")


async def _called(connection: CallerConnection, text: str | None) -> tuple[CallAnswer, Id]:
    raw = (text or "").encode()
    try:
        if text is None:
            raise WebCallRefused(400, "text")
        envelope = read(raw, WebCall)
    except WebCallRefused as fault:
        return answer_for(fault), id_in(raw)
    answer = await to_thread.run_sync(connection.call, envelope.func, envelope.parameters)
    return answer, envelope.id


def _reason(fault: Fault, answer: CallAnswer) -> str:
    whole = f"{fault.code} {answer.output}".encode()
    return whole[:LONGEST_REASON].decode(errors="ignore")
