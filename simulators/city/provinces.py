"""Two made-up provinces with status services of their own, as different as real ones are.

`River`: nested JSON, its body signed by SM2 in a header; a flat answer, signed the same way.
`Mountain`: a form, HMAC-SM3 over its sorted fields; JSON inside JSON, signed over its fields.
Each is an HTTPS server with a made-up authority, checks what it is asked as strictly as it should,
and misbehaves when told to. Neither has anything to do with the service of a real province.
"""

import base64
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self
from urllib.parse import parse_qsl

from simulators.certificates import Authority
from simulators.city.status import Stand, StatusDesk
from sync.contract.services import StatusRequest
from trust.curve import signature_der, signature_raw
from trust.sm2 import Sm2, sm2
from trust.sm3 import hmac_sm3

CHINA = timezone(timedelta(hours=8))
HOST = "localhost"
NEAR = 300  # seconds that a question's time may be off

Trouble = Literal[
    "",
    "silent",  # takes the question and says nothing
    "slow-drip",  # one byte after another, for ever
    "server-error",
    "redirect",
    "oversized",
    "endless-headers",
    "truncated",
    "not-json",
    "not-http",
    "unsigned",
    "bad-signature",
    "other-signer",
    "replayed",  # a genuine answer to another question
    "hangs-up",
]


@dataclass(frozen=True)
class Reply:
    """An answer before anything goes wrong with it."""

    body: bytes
    headers: Mapping[str, str]


class Province(AbstractContextManager["Province"]):
    """One server; a subclass says how its province talks. `desk` knows the people."""

    name: ClassVar[str]
    region: ClassVar[str]
    path: ClassVar[str]

    def __init__(self, folder: Path, desk: StatusDesk, *, certificate_for: str = HOST) -> None:
        self.folder = folder
        self.desk = desk
        self.trouble: Trouble = ""
        self.refusals: list[str] = []  # why a question was not answered
        self.authority = Authority(folder / "ca", f"Made-up {self.name} CA")
        issued = self.authority.issue(certificate_for)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(issued.certificate, issued.key)
        self._released = threading.Event()
        self._remembered: Reply | None = None
        self._server = _Server(self, self._context)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}{self.path}"

    @property
    def secrets(self) -> dict[str, bytes]:
        """What a terminal must have in its key store to talk to this province."""
        raise NotImplementedError

    @property
    def mapping(self) -> str:
        """The mapping file, TOML."""
        raise NotImplementedError

    def reply(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """The genuine answer to a question. Raises `Unheard`."""
        raise NotImplementedError

    def error(self, word: str) -> Reply:
        """How this province says that it cannot."""
        raise NotImplementedError

    def signed_by_another(self, reply: Reply) -> Reply:
        """The same answer under somebody else's signature."""
        raise NotImplementedError

    def without_signature(self, reply: Reply) -> Reply:
        raise NotImplementedError

    def with_broken_signature(self, reply: Reply) -> Reply:
        raise NotImplementedError

    def write(self) -> Path:
        """The mapping as a file of its own."""
        path = self.folder / f"status-{self.name}.toml"
        path.write_text(self.mapping, encoding="utf-8")
        return path

    def wait_out(self) -> None:
        """Until the province is closed."""
        self._released.wait()

    def released(self, within: float) -> bool:
        """Whether the province is closed, or is within so many seconds."""
        return self._released.wait(within)

    def answered(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """The answer with what is wrong with it now, as far as that shows in its bytes."""
        try:
            genuine = self.reply(headers, body)
        except Unheard as unheard:
            self.refusals.append(unheard.word)
            return self.error(unheard.word)
        first = self._remembered = self._remembered or genuine
        changes: dict[str, Callable[[Reply], Reply]] = {
            "truncated": lambda reply: Reply(reply.body[: len(reply.body) // 2], reply.headers),
            "not-json": lambda reply: Reply(b"<html>busy</html>", reply.headers),
            "oversized": lambda reply: Reply(b" " * 1_000_000 + reply.body, reply.headers),
            "unsigned": self.without_signature,
            "bad-signature": self.with_broken_signature,
            "other-signer": self.signed_by_another,
            "replayed": lambda reply: first,
        }
        change = changes.get(self.trouble)
        return change(genuine) if change else genuine

    def stand(self, request: StatusRequest) -> Stand:
        """Raises `Unheard`."""
        self.desk.asked += 1
        found = self.desk.look_up(request)
        if found is None:
            raise Unheard("nobody")
        return found


class Unheard(Exception):
    """The province does not answer this question. `word`: of its own vocabulary."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, province: Province, context: ssl.SSLContext) -> None:
        super().__init__((HOST, 0), _Handler)
        self.province = province
        self._context = context

    def finish_request(self, request: object, client_address: object) -> None:
        """The handshake on the connection's own thread: an impatient client is its own affair."""
        try:
            wrapped = self._context.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
        except OSError:
            return
        try:
            _Handler(wrapped, client_address, self)
        except OSError:
            return  # it went away
        finally:
            wrapped.close()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        self._handle(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def do_GET(self) -> None:
        self._handle(self.path.partition("?")[2].encode())

    def _handle(self, body: bytes) -> None:
        province = self.server.province
        headers = {name.lower(): value for name, value in self.headers.items()}
        match province.trouble:
            case "silent":
                province.wait_out()
            case "slow-drip":
                self._drip(province)
            case "hangs-up":
                return
            case "not-http":
                self.wfile.write(b"220 mail.example ready\r\n")
            case "endless-headers":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-Padding: no end\r\n" * 10_000)
            case "server-error":
                self._send(503, Reply(b"{}", {}))
            case "redirect":
                self._send(302, Reply(b"", {"Location": province.url + "/elsewhere"}))
            case _:
                self._send(200, province.answered(headers, body))

    def _drip(self, province: Province) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        while not province.released(0.05):
            self.wfile.write(b" ")

    def _send(self, status: int, reply: Reply) -> None:
        self.send_response(status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: questions hold names and numbers."""


OWN = bytes.fromhex("11" * 32)  # the terminal's SM2 key at `River`, made up
ISSUER = bytes.fromhex("22" * 32)  # `River`'s own
STRANGER = bytes.fromhex("33" * 32)
SHARED = b"made-up key of 32 bytes, shared."  # with `Mountain`


class River(Province):
    """JSON both ways; SM2 over the body, DER in base64, in a header."""

    name = "river"
    region = "51"
    path = "/sscard/v2/auth"

    def __init__(self, folder: Path, desk: StatusDesk, *, certificate_for: str = HOST) -> None:
        super().__init__(folder, desk, certificate_for=certificate_for)
        self._sm2: Sm2 = sm2()

    @property
    def secrets(self) -> dict[str, bytes]:
        return {"status-river-own": OWN, "status-river-pub": self._sm2.public(ISSUER)}

    @property
    def mapping(self) -> str:
        return f'''
[request]
url = "{self.url}"
format = "json"
required = ["number", "region"]
time = "compact"

[request.fields]
"head.reqTime" = "time"
"head.nonce" = "nonce"
"body.aab301" = "region"
"body.aac002" = "number"
"body.aac003" = "name"
"body.aaz500" = "card-number"
"body.aaz501" = "card-id"
"body.bizCode" = "business"

[request.constants]
"head.appId" = "onecard-demo"

[request.sign]
method = "sm2"
secret = "status-river-own"
over = "body"
header = "X-Signature"
encoding = "base64"
form = "der"

[answer]
echo = "nonce"

[answer.success]
path = "code"
values = ["0"]

[answer.errors]
E1001 = "nobody"
E2001 = "bad-question"
E3001 = "busy"

[answer.holder]
path = "ryzt"
values = {{ "1" = "normal", "2" = "deceased" }}

[answer.card]
path = "kzt"
values = {{ "1" = "normal", "2" = "lost", "3" = "cancelled", "9" = "stock" }}

[answer.business]
path = "ywzt"
values = {{ "Y" = "normal", "N" = "ineligible" }}

[answer.at]
path = "ts"
form = "unix"

[answer.verify]
method = "sm2"
secret = "status-river-pub"
over = "body"
header = "X-Signature"
encoding = "base64"
form = "der"
'''

    def reply(self, headers: Mapping[str, str], body: bytes) -> Reply:
        signature = base64.b64decode(headers.get("x-signature", ""))
        raw = signature_raw(signature) if signature else b""
        if not self._sm2.verify(self._sm2.public(OWN), body, raw):
            raise Unheard("E2001")
        question = json.loads(body)
        head, about = question["head"], question["body"]
        moment = datetime.strptime(head["reqTime"], "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
        if abs(moment.timestamp() - self.desk.now()) > NEAR or head["appId"] != "onecard-demo":
            raise Unheard("E2001")
        try:
            stand = self.stand(
                StatusRequest(
                    region=about["aab301"],
                    card_id=about["aaz501"],
                    card_number=about["aaz500"],
                    number=about["aac002"],
                )
            )
        except Unheard:
            raise Unheard("E1001") from None
        return self._signed(
            {
                "code": "0",
                "nonce": head["nonce"],
                "ts": int(self.desk.now()),
                "ryzt": {"normal": "1", "deceased": "2"}[stand.holder],
                "kzt": {"normal": "1", "lost": "2", "cancelled": "3", "stock": "9"}[stand.card],
                "ywzt": "Y" if stand.business == "normal" else "N",
            }
        )

    def error(self, word: str) -> Reply:
        return self._signed({"code": word, "nonce": "", "msg": "made-up words"})

    def signed_by_another(self, reply: Reply) -> Reply:
        return self._signed(json.loads(reply.body), STRANGER)

    def without_signature(self, reply: Reply) -> Reply:
        return Reply(reply.body, {})

    def with_broken_signature(self, reply: Reply) -> Reply:
        return Reply(reply.body.replace(b'"1"', b'"2"'), reply.headers)

    def _signed(self, answer: Mapping[str, object], key: bytes = ISSUER) -> Reply:
        body = json.dumps(answer).encode()
        signature = signature_der(self._sm2.sign(key, body))
        assert signature is not None
        return Reply(body, {"X-Signature": base64.b64encode(signature).decode()})


class Mountain(Province):
    """A form, and JSON in a string of JSON; HMAC-SM3 over the sorted fields, in hex, in a field."""

    name = "mountain"
    region = "54"
    path = "/cgi-bin/cardstate"

    @property
    def secrets(self) -> dict[str, bytes]:
        return {"status-mountain": SHARED}

    @property
    def mapping(self) -> str:
        return f'''
[request]
url = "{self.url}"
format = "form"
required = ["number"]
time = "unix-ms"

[request.fields]
timestamp = "time"
nonce_str = "nonce"
xzqh = "region"
idno = "number"
xm = "name"
kh = "card-number"
sbm = "card-id"
yw = "business"

[request.constants]
appid = "9901"
version = "1.0"

[request.headers]
X-Caller = "onecard"

[request.sign]
method = "hmac-sm3"
secret = "status-mountain"
over = "fields"
field = "sign"

[answer]
inside = "data"
echo = "nonce_str"

[answer.success]
path = "resultcode"
values = ["200"]

[answer.errors]
40101 = "bad-question"
40400 = "nobody"
50300 = "busy"

[answer.holder]
path = "person.state"
values = {{ "ALIVE" = "normal", "DEAD" = "deceased" }}

[answer.card]
path = "cards.0.state"
values = {{ "IN_USE" = "normal", "LOST" = "lost", "VOID" = "cancelled", "STOCK" = "stock" }}

[answer.business]
path = "biz.allowed"
values = {{ "true" = "normal", "false" = "ineligible" }}

[answer.at]
path = "time"
form = "iso"

[answer.verify]
method = "hmac-sm3"
secret = "status-mountain"
over = "fields"
field = "sign"
'''

    def reply(self, headers: Mapping[str, str], body: bytes) -> Reply:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        given = fields.pop("sign", "")
        off = abs(int(fields["timestamp"]) / 1000 - self.desk.now())
        if not hmac.compare_digest(given, _mac(fields)) or off > NEAR:
            raise Unheard("40101")
        try:
            stand = self.stand(
                StatusRequest(
                    region=fields["xzqh"],
                    card_id=fields["sbm"],
                    card_number=fields["kh"],
                    number=fields["idno"],
                )
            )
        except Unheard:
            raise Unheard("40400") from None
        states = {"normal": "IN_USE", "lost": "LOST", "cancelled": "VOID", "stock": "STOCK"}
        data = {
            "person": {"state": "DEAD" if stand.holder == "deceased" else "ALIVE"},
            "cards": [{"state": states[stand.card]}],
            "biz": {"allowed": stand.business == "normal"},
            "time": datetime.fromtimestamp(int(self.desk.now()), CHINA).isoformat(),
        }
        return _with_mac(
            {
                "resultcode": 200,
                "data": json.dumps(data),
                "nonce_str": fields["nonce_str"],
                "message": None,
            }
        )

    def error(self, word: str) -> Reply:
        return _with_mac({"resultcode": int(word), "message": "made-up words"})

    def signed_by_another(self, reply: Reply) -> Reply:
        return _with_mac(json.loads(reply.body), b"another made-up key of 32 bytes.")

    def without_signature(self, reply: Reply) -> Reply:
        answer = json.loads(reply.body)
        del answer["sign"]
        return Reply(json.dumps(answer).encode(), {})

    def with_broken_signature(self, reply: Reply) -> Reply:
        return Reply(reply.body.replace(b"ALIVE", b"DEAD"), {})


def _mac(fields: Mapping[str, object], key: bytes = SHARED) -> str:
    kept = {name: str(value) for name, value in fields.items() if value not in ("", None)}
    text = "&".join(f"{name}={kept[name]}" for name in sorted(kept))
    return hmac_sm3(key, text.encode()).hex()


def _with_mac(answer: Mapping[str, object], key: bytes = SHARED) -> Reply:
    fields = {name: value for name, value in answer.items() if name != "sign"}
    return Reply(json.dumps({**fields, "sign": _mac(fields, key)}).encode(), {})
