"""Whether browsers let the configured pages call this machine.

Chromium 142 and later keeps a page that does not come from this machine or its own network from
127.0.0.1 until somebody allows it: the person at the screen, or a policy in a folder of /etc. What
was seen of which version stands in docs/sscard.md.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final
from urllib.parse import urlsplit

from agent.doctor.findings import ExaminedTerminal, Facts, Finding
from config.model import FacadeSettings
from world.foreign import Undecodable, decoded

ALLOWING: Final = ("LoopbackNetworkAllowedForUrls", "LocalNetworkAccessAllowedForUrls")
BLOCKING: Final = ("LoopbackNetworkBlockedForUrls", "LocalNetworkAccessBlockedForUrls")
NAME: Final = "onecard.json"  # of our file in each folder; packaging/browser-policies
# Browsers by what shows that one is there, and the folder of its mandatory policies. Makers of
# others, Qaxbrowser, 360 and UOS among them, publish no folder: `facade.browser_policies`.
KNOWN: Final = {
    Path("usr/bin/chromium"): Path("etc/chromium/policies/managed"),
    Path("usr/bin/chromium-browser"): Path("etc/chromium-browser/policies/managed"),
    Path("usr/bin/google-chrome-stable"): Path("etc/opt/chrome/policies/managed"),
    Path("usr/bin/microsoft-edge-stable"): Path("etc/opt/edge/policies/managed"),
}
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
PORTS: Final = {"http": 80, "https": 443}
# [SCHEME://]HOST[:PORT][/…]; HOST may be "*", "[*.]HOST" is it and all below it (content settings).
# Whose pages may call this machine without being asked: draft Local Network Access, IP address
# spaces. Documentation networks are public to a browser.
OWN_NETWORKS: Final = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
PATTERN: Final = re.compile(
    r"(?:(?P<scheme>[a-z*]+)://)?(?P<below>\[\*\.\])?(?P<host>[^/:]+|\[[0-9a-f:]+\])"
    r"(?::(?P<port>[0-9]+|\*))?(?:/.*)?\Z"
)

TEXT: Final = rb'(?P<text>"(?:\\.|[^"\\])*")'  # stays, whatever stands in it
COMMENT: Final = re.compile(TEXT + rb"|//[^\n]*|/\*.*?\*/", re.DOTALL)
LAST_COMMA: Final = re.compile(TEXT + rb"|,(?=\s*[}\]])", re.DOTALL)


@dataclass(frozen=True)
class Policies:
    """What the files of one folder say together."""

    allowed: Sequence[str]
    blocked: Sequence[str]
    unread: Sequence[str]  # paths of files that no browser can read either


def browsers(case: ExaminedTerminal) -> Iterator[Finding]:
    """Nothing where no page of another machine is configured, or no known browser is there."""
    settings = case.settings.facade
    if settings is None or settings.port is None:
        return
    origins = [client.origin for client in settings.clients if client.origin is not None]
    pages = [origin for origin in origins if _host(origin) not in LOOPBACK]
    for folder in _folders(case, settings) if pages else ():
        policies = _policies(case, folder)
        judged = [_judged(folder, page, policies, pages) for page in pages]
        if policies.unread and any(finding.id == "browser-policy-missing" for finding in judged):
            yield Finding("browser-policy-unreadable", False, {"path": policies.unread[0]})
        else:
            yield from judged


def _judged(folder: Path, page: str, policies: Policies, pages: Sequence[str]) -> Finding:
    facts: Facts = {"origin": page, "folder": f"/{folder}"}
    if any(fits(pattern, page) for pattern in policies.blocked):
        return Finding("browser-policy-blocks", False, facts)
    if page.startswith("http://"):
        # Not a secure context, so that no list of allowed pages reaches it; it works from a
        # private address.
        return Finding("browser-page-insecure", not _public(page), facts)
    if any(fits(pattern, page) for pattern in policies.allowed):
        return Finding("browser-policy-names", True, facts)
    command = f"mkdir -p /{folder} && echo '{policy(pages)}' > /{folder / NAME}"
    return Finding("browser-policy-missing", not _public(page), {**facts, "command": command})


def policy(origins: Iterable[str]) -> str:
    """The file for all browsers of this kind: the first name counts from version 146 on, the
    second from 142."""
    secure = [origin for origin in origins if origin.startswith("https://")]
    return json.dumps(dict.fromkeys(ALLOWING, secure))


def fits(pattern: str, origin: str) -> bool:
    """Whether a URL pattern of a policy means that page."""
    if pattern == "*":
        return True
    told = PATTERN.fullmatch(pattern.lower())
    if told is None:
        return False
    page = urlsplit(origin)
    try:
        host, port = page.hostname or "", page.port or PORTS[page.scheme]
    except ValueError:  # an agent that runs since before such ports were refused still has one
        return False
    wanted = told["host"].strip("[]")
    if not (wanted in ("*", host) or (told["below"] and host.endswith(f".{wanted}"))):
        return False
    if told["scheme"] not in (None, "*", page.scheme):
        return False
    return told["port"] in (None, "*", str(port))


def _folders(case: ExaminedTerminal, settings: FacadeSettings) -> Iterator[Path]:
    for program, folder in KNOWN.items():
        try:
            case.world.file_mode(case.root / program)
        except OSError:
            continue
        yield folder
    for named in settings.browser_policies:
        yield Path(named.lstrip("/"))


def _policies(case: ExaminedTerminal, folder: Path) -> Policies:
    """Every file counts, whatever its name; of what several say that of the last one by name."""
    try:
        names = sorted(case.world.list_folder(case.root / folder))
    except OSError:  # none was ever made
        names = []
    said: dict[str, Any] = {}
    unread: list[str] = []
    for path in (folder / name for name in names):
        if not _is_file(case, path):
            continue
        try:
            said |= decoded(_plain(case.read(path)), dict[str, Any], strict=False)
        except Undecodable:
            unread.append(f"/{path}")
    return Policies(_listed(said, ALLOWING), _listed(said, BLOCKING), unread)


def _is_file(case: ExaminedTerminal, path: Path) -> bool:
    """Or a link to one. A browser reads nothing else of the folder, and a pipe would never end."""
    try:
        return S_ISREG(case.world.file_mode(case.world.real_path(case.root / path)))
    except OSError:
        return False


def _plain(raw: bytes) -> bytes:
    """Without what browsers let pass in JSON: a byte order mark, comments, commas at an end."""
    bare = raw.removeprefix(codecs.BOM_UTF8)
    for beside in (COMMENT, LAST_COMMA):
        bare = beside.sub(lambda found: found["text"] or b"", bare)
    return bare


def _listed(said: Mapping[str, Any], names: Sequence[str]) -> Sequence[str]:
    lists = (said.get(name) for name in names)
    return [
        entry for one in lists if isinstance(one, list) for entry in one if isinstance(entry, str)
    ]


def _host(origin: str) -> str:
    return urlsplit(origin).hostname or ""


def _public(origin: str) -> bool:
    """Certainly so: its host is an address that is of no network of its own."""
    try:
        address = ip_address(_host(origin))
    except ValueError:
        return False
    return not any(address in network for network in OWN_NETWORKS)
