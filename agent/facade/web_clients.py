"""Which page of which user calls: exact Host and Origin, and who the kernel says made the line.

A browser sends no token and tells the truth about a page's origin; any other program can say it,
too. So a client's `users` say whose programs may be that page at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

from agent.facade.faults import ClientUnknown, UserUnknown
from agent.facade.refusals import Stranger, plain
from agent.facade.web_envelope import WebCallRefused
from config.model import FacadeClient
from world import Peer

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
# What a page's script can call by: fetch metadata, where a browser sends it (W3C).
BY_SCRIPT: Final = ("cors", "same-origin", "websocket")


@dataclass(frozen=True)
class Page:
    """A listed client, at the screen of somebody on this machine."""

    client: FacadeClient
    peer: Peer

    @property
    def caller(self) -> str:
        """As disclosures name it."""
        return f"origin:{self.client.origin} user:{self.peer.user} uid:{self.peer.uid}"

    @property
    def owner(self) -> tuple[str, int]:
        """Whose leases are one: several requests of one page, never those of two users."""
        return self.client.name, self.peer.uid


class WebClients:
    """The clients of the settings that have `host` and `origin`."""

    def __init__(self, clients: Sequence[FacadeClient]) -> None:
        self._clients = {(c.host, c.origin): c for c in clients if c.host and c.origin}

    def page(self, headers: Headers, peer: Peer | None) -> Page:
        """Raises `ClientUnknown`, `UserUnknown`, `WebCallRefused`."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        client = None
        if len(hosts) == len(origins) == 1:
            client = self._clients.get((hosts[0], origins[0]))
        if client is None:
            raise unknown(headers)
        if peer is None or (client.users and peer.user not in client.users):
            raise UserUnknown(user=peer.user if peer else "–", client=client.name)
        if headers.get("sec-fetch-mode", BY_SCRIPT[0]) not in BY_SCRIPT:
            raise WebCallRefused(403, "Sec-Fetch-Mode: cors")
        return Page(client, peer)

    def readable_by(self, headers: Headers) -> Mapping[str, str]:
        """The CORS headers with which a page may read that it was refused: a page of the settings,
        that called this machine, be it by a name or port that was not meant. A name that was
        rebound to this machine, or another page, is shown nothing."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        known = {origin for _, origin in self._clients}
        if len(hosts) != 1 or len(origins) != 1 or origins[0] not in known:
            return {}
        name, _, port = hosts[0].rpartition(":")
        here = name in LOOPBACK and port.isdigit()
        if not here and hosts[0] not in {host for host, _ in self._clients}:
            return {}
        return {"Access-Control-Allow-Origin": origins[0], "Vary": "Origin"}


def unknown(headers: Headers) -> ClientUnknown:
    """The fault for a page that is no client; fact `caller`: its Origin and Host, as legible
    text."""
    caller = [plain(word) for name in ("origin", "host") for word in headers.getlist(name)]
    return ClientUnknown(caller=" ".join(caller) or "–")


def stranger(headers: Headers, peer: Peer | None) -> Stranger:
    """Who came, for the log."""
    return Stranger(
        user=peer.user if peer is not None else "",
        origin=plain(" ".join(headers.getlist("origin"))),
        host=plain(" ".join(headers.getlist("host"))),
    )
