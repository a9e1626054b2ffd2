"""The process in which a library under test lives: what it breaks is here, and nowhere else.

Started as a script, with nothing of ours imported. JSON lines come by descriptor `argv[2]` and
answers go by `argv[3]`; whatever the library prints goes elsewhere. Texts are hex of GBK.

    {"export": NAME}                                     {"exported": bool}
    {"calls": [{"name", "arguments", "room"}, …]}        {"answers": [{…}, …]}

Several calls are made by as many threads at once. An argument is a number, hex in {"text"}, or
null; `room` is what the output may take, null: the function gets no output. An answer has
`result`, `output` (hex, to the first NUL), `ended` (there was a NUL), `beyond` (bytes changed
behind the room), `inputs` (the caller's texts are as they were).
"""

import ctypes
import json
import os
import sys
import threading
from typing import Any

BEHIND = 4096  # bytes watched behind the output
CANARY = b"\xa5"
CANARY_LATE = b"\x5a"  # a library could write our canary by chance, not both


def main(path: str, orders: int, answers: int) -> None:
    with os.fdopen(orders, "rb") as come, os.fdopen(answers, "wb") as go:
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            _say(go, {"loaded": False, "why": str(error)})
            return
        _say(go, {"loaded": True})
        for line in come:
            order = json.loads(line)
            if "export" in order:
                _say(go, {"exported": hasattr(library, order["export"])})
            else:
                _say(go, {"answers": _all(library, order["calls"])})


def _say(go: Any, answer: dict[str, Any]) -> None:
    go.write(json.dumps(answer).encode() + b"\n")
    go.flush()


def _all(library: ctypes.CDLL, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(calls) == 1:
        return [_call(library, calls[0])]
    answers: list[dict[str, Any]] = [{} for _ in calls]
    together = threading.Barrier(len(calls))

    def run(number: int) -> None:
        together.wait()
        answers[number] = _call(library, calls[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _call(library: ctypes.CDLL, call: dict[str, Any]) -> dict[str, Any]:
    function = getattr(library, call["name"], None)
    if function is None:
        return {"missing": True}
    function.restype = ctypes.c_long
    texts: list[tuple[Any, bytes]] = []
    arguments: list[Any] = []
    for given in call["arguments"]:
        if isinstance(given, int):
            arguments.append(ctypes.c_int(given))
        elif given is None:
            arguments.append(ctypes.c_char_p(None))
        else:
            text = bytes.fromhex(given["text"])
            buffer = ctypes.create_string_buffer(text)
            texts.append((buffer, buffer.raw))
            arguments.append(buffer)
    room = call["room"]
    if room is None:
        result = function(*arguments, *[ctypes.c_char_p(None)] * call.get("nulls", 1))
        return {"result": result, "output": "", "ended": True, "beyond": 0, "inputs": True}
    canary = CANARY_LATE if call.get("late") else CANARY
    output = ctypes.create_string_buffer(canary * (room + BEHIND), room + BEHIND)
    result = function(*arguments, output)
    told, ended, _ = output.raw[:room].partition(b"\0")
    behind = output.raw[room:]
    return {
        "result": result,
        "output": told.hex(),
        "ended": bool(ended),
        "beyond": len(behind) - behind.count(canary),
        "inputs": all(buffer.raw == before for buffer, before in texts),
    }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
