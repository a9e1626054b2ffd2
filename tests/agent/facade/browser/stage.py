"""A terminal, pages and a real Chromium in namespaces of their own: `python -m … stage` as JSON.

In: `{"policy": {…} or null, "pages": [{"url": …, "way": "fetch" or "socket"}, …]}`. Out: one line
per page with what its script saw, then one with what the terminal saw. Whoever starts it makes the
namespaces; nothing of it is seen outside, and all of it ends with it.
"""

import json
import os
import socketserver
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

from agent.facade.web_server import WebServer
from config.model import FacadeClient
from simulators.certificates import Authority
from tests.agent.facade.callers import Live
from tests.agent.facade.counter import disclosures_in

# A documentation network (RFC 5737) is public to a browser.
HOSTS = {
    "localhost": "127.0.0.1",
    "private.example": "10.99.0.5",
    "public.example": "203.0.113.5",
    "stranger.example": "203.0.113.5",
}
PLAIN, TLS, FACADE = 8080, 8443, 8686
LISTED = ("localhost", "private.example", "public.example")
WITHIN = 90.0  # seconds for one page, on a machine that is busy
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",  # of the pages' own authority
)
SCRIPT = """<!doctype html><meta charset="utf-8"><script>
const host = "localhost:%(port)d", call = {func: "iReadCardBas", in: ["1"], id: "page"};
const state = name => navigator.permissions.query({name}).then(p => p.state, () => "unknown");
async function byFetch() {
  const body = {method: "POST", headers: {"Content-Type": "application/json"},
                body: JSON.stringify({in: call.in, id: call.id})};
  try {
    const answer = await fetch(`http://${host}/sscard/${call.func}`, body);
    return {status: answer.status, told: await answer.json()};
  } catch (error) { return {failed: String(error)}; }
}
function bySocket() {
  return new Promise(done => {
    const seen = {}, socket = new WebSocket(`ws://${host}/sscard`);
    socket.onopen = () => { seen.opened = true; socket.send(JSON.stringify(call)); };
    socket.onmessage = event => {
      seen.told = JSON.parse(event.data);
      if (seen.told.result === "0") { socket.close(1000); }
    };
    socket.onclose = event => done({...seen, closed: event.code, reason: event.reason});
  });
}
(async () => {
  const seen = {secure: isSecureContext, permission: await state("loopback-network")};
  Object.assign(seen, await (location.search === "?socket" ? bySocket() : byFetch()));
  const answer = await fetch("/told", {method: "POST", body: JSON.stringify(seen)});
  location.replace(await answer.text());
})();
</script>"""


class Pages(BaseHTTPRequestHandler):
    """Every page of every host is the same; what it saw sends it on to the next one."""

    due: ClassVar[list[str]] = []
    seen: ClassVar[list[dict[str, Any]]] = []
    came: ClassVar[Event] = Event()

    def do_GET(self) -> None:
        self._answer(SCRIPT % {"port": FACADE}, "text/html")

    def do_POST(self) -> None:
        self.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(self.due.pop(0) if self.due else "about:blank", "text/plain")
        self.came.set()

    def _answer(self, text: str, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *arguments: object) -> None: ...


def main() -> None:
    asked = json.load(sys.stdin)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onecard-browser-")))
        make_network()
        set_policy(asked["policy"])
        serve_pages(folder, stack)
        desk = stack.enter_context(Terminal(folder))
        urls = [f"{page['url']}?{page['way']}" for page in asked["pages"]]
        look(folder, urls, stack)
        callers = [event.caller for event in disclosures_in(desk.stand.store)]
        name = desk.stand.cast.person("lin").name
        terminal = {"callers": callers, "refused": list(desk.refusals.status()), "name": name}
        for seen in (*Pages.seen, terminal):
            sys.stdout.write(json.dumps(seen) + "\n")


def make_network() -> None:
    run("ip", "link", "set", "lo", "up")
    for address in {*HOSTS.values()} - {"127.0.0.1"}:
        run("ip", "address", "add", f"{address}/32", "dev", "lo")


def set_policy(policy: object) -> None:
    """In a folder that only this mount namespace has."""
    run("mount", "-t", "tmpfs", "tmpfs", "/etc/chromium")
    managed = Path("/etc/chromium/policies/managed")
    managed.mkdir(parents=True)
    if policy is not None:
        (managed / "onecard.json").write_text(json.dumps(policy), encoding="utf-8")


def serve_pages(folder: Path, stack: ExitStack) -> None:
    issued = Authority(folder).issue("pages")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    for address in {*HOSTS.values()}:
        for port in (PLAIN, TLS):
            server = ThreadingHTTPServer((address, port), Pages)
            if port == TLS:
                server.socket = context.wrap_socket(server.socket, server_side=True)
            stack.callback(server.shutdown)
            start(server)


def start(server: socketserver.BaseServer) -> None:
    Thread(target=server.serve_forever, daemon=True).start()


class Terminal(Live):
    """A desk with a card in its reader, for all listed pages."""

    def __enter__(self) -> Live:
        self.unix.start()
        urls = [("http", PLAIN), ("https", TLS)]
        pages = [
            FacadeClient(
                name=f"page-{number}",
                origin=f"{scheme}://{host}:{port}",
                host=f"localhost:{FACADE}",
                purpose="made up",
            )
            for number, (host, (scheme, port)) in enumerate(
                (host, url) for host in LISTED for url in urls
            )
        ]
        self.web = WebServer(self.world, FACADE, pages, self.connect, self.refusals)
        self.web.start()
        self.insert()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def look(folder: Path, urls: Sequence[str], stack: ExitStack) -> None:
    """One Chromium, one page after the other, until the last has told what it saw."""
    Pages.due[:] = urls[1:]
    rules = ", ".join(f"MAP {host} {address}" for host, address in HOSTS.items())
    home = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    chromium = subprocess.Popen(
        [
            "chromium",
            *FLAGS,
            f"--host-resolver-rules={rules}",
            f"--user-data-dir={folder / 'profile'}",
            "--remote-debugging-port=0",  # else a headless one ends with its first page
            urls[0],
        ],
        env=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(folder / "chromium.log").open("wb"),
    )
    stack.callback(chromium.wait)
    stack.callback(chromium.kill)
    for _ in urls:
        if not Pages.came.wait(WITHIN):
            log = (folder / "chromium.log").read_text(errors="replace")
            sys.exit(f"{len(Pages.seen)} of {len(urls)} pages told what they saw\n{log[-3000:]}")
        Pages.came.clear()
        if len(Pages.seen) == len(urls):
            return


def run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
