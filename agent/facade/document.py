"""docs/sscard.md from the tables of this room: `python -m agent.facade.document`."""

import sys
from collections.abc import Iterable, Sequence
from typing import Final

from agent.facade import http_lines, unix, web, web_envelope, web_server, web_socket
from agent.facade.desk import BEGUN_WITHIN
from agent.facade.errors import table
from agent.facade.fields import LONGEST, LONGEST_DATA
from agent.facade.functions import FUNCTIONS, INTEGERS, Function
from apdu.social_security.files import Generation
from config.model import FacadeSettings

HEAD: Final = """\
# The national interface (iReadCardBas …) on a terminal

Generated from `agent/facade` (`functions.py`, `errors.toml`, `document.py`); do not edit. After a
change there:
`python -m agent.facade.document > docs/sscard.md`. Source of names, fields and numbers: spec
sscard-interface.md.

A business program calls the functions that it has always called; the terminal answers with its
own readers, PSAM and PIN pad.
It is not there until the settings have `[facade]` with at least one `[[facade.clients]]`.

## Installing the library

1. `./run libsscard --out /usr/local/lib && ldconfig` makes `libsscard.so`; its header is
`agent/facade/c/sscard.h`. The program loads the library by the name
or path that it already uses (a link is enough).
2. The user that the program runs as must be in the group `onecard`, which owns the socket, and
must be the `user` of a client in the settings.
3. The library finds the socket by `$ONECARD_SSCARD_SOCKET`, else at `/run/onecard/sscard.sock`
(`facade.socket`).

```
[facade]
device_number = "WINDOW-7"

[[facade.clients]]
name = "his"                     # as the journal will call it
user = "his"                     # the system's user that the program runs as
purpose = "门诊挂号"             # what the identities are for; in every disclosure
capabilities = ["identity", "files"]

[[lanes]]
name = "window"
direction = "counter"
readers = ["slot", "pad"]
pinpad = "pad-1"
taps = false                     # cards here wait for a call instead of being taps by themselves
```
"""

MODES: Final = {
    "psam": "PSAM, then the city's HSM (`[hsm]`)",
    "hsm": "the caller's own HSM, in steps; the PSAM is never used",
    "pki": "–",
}
WHY: Final = {
    "iDoDebit": "the card's purchase APDUs with the PSAM's MACs are in no public source for DF04",
    "PKI": "parameters and APDUs are in no public source",
}
# What differs by edition, where it does: function → edition → words.
REMARKS: Final = {
    ("iReadCardBas_HSM_Step1", Generation.V1): "works; the last two fields are empty",
    ("iReadCardBas_HSM_Step1", Generation.V2): "works; the last two fields are empty",
    ("iReadCard_HSM_Step1", Generation.V1): "works; −2204 for free files, EF06 among them",
    ("iReadCard_HSM_Step1", Generation.V2): "works; −2204 for free files, EF06 among them",
    ("iReadCard_HSM_Step1", Generation.V3): "works; −2204 for free files",
}
NEEDS: Final = {
    "identity": "the basic read",
    "files": "reading files and transactions",
    "write": "writing files",
    "pin": "verify, change, reset and unblock at the terminal's PIN pad; the PIN never leaves it",
    "pin-clear": "iReloadPIN_HSM_*: step 2 hands the new PIN to the caller in clear, for its HSM",
}
STAFF: Final = """\
What `sign_in.required_for` names is served only while somebody of the staff is signed in at the
terminal (`onecard sign-in`); each call and each step is asked
anew. Otherwise −13, as without the capability, with a sentence that says who has to sign in and
how.
"""
UNSUPPORTED: Final = """\
SSF33 cards (some of 1.0 and 2.0) work wherever PSAM or HSM compute SSF33; it is never computed
here. What is unsupported answers −13:
"""
ERRORS: Final = """\
The text in `pOutInfo` is the Chinese words and the fault's sentence (docs/codes.md); nothing of a
person is in it.
"""
CARD_ERRORS: Final = """\
Card errors are −(status word as a decimal number): 6A88 → −27272, 63C0 → −25536, 9302 → −37634.
A fault without a row of its own takes that of the fault it is a kind of; `fault` is the root of
all, `device.fault` of devices, `journal.unstored` of what keeps a record from being stored.
"""
LEASES: Final = """\
## Leases

A call leases its reader. A function in one call gives it back with its answer; a `…_Step1` keeps
it, and the card powered and locked to this
caller, until the last step or {lease:.0f} s (`facade.lease`) after the last answer; iVerifyPIN
keeps it likewise, so that the same caller's next calls
read and write without asking the person again. A lease ends at once when the caller's connection
ends, the card leaves or is swapped, or the terminal
stops or reloads; the card is powered down whichever it is. A second caller gets −12 and is told
who holds the reader, by which function, and for how
long at most. `GET /v1/leases` of the local API and `onecard readers` show it to a technician. A
new first step takes the place of a flow that waits;
a step of another flow is −12 and the waiting flow goes on. A reader that is busy with a tap is
waited for, {begun:.0f} s at most (−4).

Which reader: iType 1 contact, 2 contactless, 3 contact first, 4 contactless first, among the
readers of the client's lanes (without `lanes`: every
lane whose direction is "counter"). No such reader is there: −11. A card lies at the other kind
only: −1. No card: −2.

## What is checked and what is written down

- Texts are GBK; a character beyond GBK is told as `?` (its count is in the journal,
  `beyond_gbk`). A parameter is at most {longest} bytes,
  pWriteData {data} (a photo has 8192 digits); NUL, control characters and bytes that are no GBK
  are −41. Empty fields are kept, the last `|` of a parameter
  may be missing.
- `pCardInfo`: either field may be empty, not both; the card must be that card (−22). `pKey`: each
  original must be the one that was asked (−23).
- iReadDebitRecord: `sequence ^ terminal ^ YYYYMMDDHHMMSS ^ total ^ account + pool ^` in fen, the
  newest first; as many rows as fit into its buffer, which hold all of a card's 30.
- iReadCard: of a record that is odd (a name cut in a character, a line end, another length) what is
  legible is told, of a record or file that is missing an empty field; the others stay as they are.
  The disclosure names the odd places. Only a social security number that cannot be read is −15.
  `|`, `^` and `$` in a text are their full-width twins.
- Before anything of a card is handed out, a `disclosure` is durable in the journal: client, user
  or origin, purpose, function, names of the fields
  (never values), references of card and person, and what the holder did (card inserted or
  presented, PIN entered). What cannot be stored is −11 and is
  not handed out.
- Behind a good basic read the status service is asked (卡鉴权) where the terminal's taps ask it
  too (`scene.check`), at most `status.within`; its answers
  about holder, card and business are the disclosure's `checks`; nobody answers: what was answered
  before, else unknown, and the fields are handed out.
  With `facade.standing = "refuse"` an answer against card or holder (lost, cancelled, deceased …)
  is −1 with a text of its own: the journal has
  the event with `refused`, the reason, and what was `withheld`; nothing of the read is handed out.
  By default ("record") it is.
- A PIN is typed at the lane's PIN pad. It has 4 to 16 digits, or as many as the client's
  `pin_shortest` and `pin_longest` say (one that is set anew at most 14 on a card with 3DES); other
  lengths are −33 and cost no try. A wrong one is −51 with the tries left in the text; no try
  is ever spent without a person. A PIN that iVerifyPIN
  has verified stays in memory for that card's next files, and is wiped when the card is powered
  down.
"""
ENVELOPES: Final = """\
## Browsers: HTTP and WebSocket

Off until `facade.port` is set; 127.0.0.1 only. A client is an exact `origin` (of the page) with
an exact `host` (what the page calls, with port).

```
[[facade.clients]]
name = "his-page"
origin = "https://his.example"
host = "localhost:8686"
users = ["clerk"]                # whose browser may be that page
purpose = "门诊挂号"
```

| | Request | Answer |
|---|---|---|
| `POST /sscard/{{function}}` | `Content-Type: application/json`, `{{"in": ["3"]}}` \
| `{{"result": "0", "out": ["…", …]}}` |
| WebSocket `/sscard` | `{{"func": "iReadCardBas", "in": ["3"], "id": 7}}` \
| `{{"id": 7, "result": "0", "out": ["…", …]}}` |

`in`: the function's parameters in order, as strings (numbers are taken too); at most 8. `out`:
the output's fields as UTF-8 strings; for an error the
one sentence. `result`: the function's `long` as a string. `id`: a text of at most 64 characters
or an integer, which the answer repeats; without it the
answer has none. Steps of one flow come by several POSTs of one page, or on one WebSocket, whose
end frees what it leased; so does a page that leaves in
the middle of a POST.

On a WebSocket the calls are made one after the other, and answered in the order in which they
came. At most {ahead} wait for their turn; one more ends the
socket (1008). Compression (permessage-deflate) is not agreed to.

### Who is calling

An `Origin` binds browsers only: any other program of this machine can send whatever it likes. So
the kernel is asked which user's program made the connection. The
user stands in every disclosure (`origin:… user:… uid:…`), and with `users` nobody else is served;
without it any user of this machine can be that page, which `onecard doctor` says. Two users of one
page never share what they leased.

### What is refused, and who sees it

With `result`, a sentence and no identity: another or missing Origin or Host, another user, what no
script sent (`Sec-Fetch-Mode`) (403),
another content type (415), more than {largest} bytes (413), a body that takes more than
{body:.0f} s (408), batches, unknown keys, a key that comes twice, no JSON (400), GET and others
(405), other paths (404), more than {each} calls and sockets of one user or {callers} in all (503).
A head that takes more than {head:.0f} s is hung up on; more than {web_each} lines of one user or
{web_lines} in all are told 503 and closed.

A page can read why it is refused as far as that is safe. A page of the settings that calls by
another name or port of this machine than its `host` gets the CORS header with the refusal. A
WebSocket is accepted, told the refusal as an answer and closed with 4403 (1013 where there are too
many) and the reason, whoever asks. Any other page's script sees no more than that its request
failed. Origin and host of each are in the agent's log (a few a minute), and the last ones in
`onecard doctor`: as a failure where a client of the settings is not served, until it is.

Preflights are answered for listed pages, with `Access-Control-Allow-Private-Network` (or
`-Local-Network`) where a browser asks for it, as Chromium 104 to 141 does.

### What the browser itself refuses: Chromium 142 and later

From 142 on Chromium, Chrome and Edge do not ask this machine any more whether a page may call it;
they ask the person at the screen, or a policy (permission `local-network-access`, from 145 on
`loopback-network`; WebSockets from 147 on). A page that is kept away sees `Failed to fetch`, or its
WebSocket closed with 1006, and nothing of it reaches the agent. What was seen with Debian's
Chromium 156, without anybody at the screen:

| page comes from | without a policy | the page in the lists below |
|---|---|---|
| this machine (`http://localhost:…`) | served | served |
| a private address (10/8, 172.16/12, 192.168/16), http or https | served | served |
| a public address, https | kept away | served |
| a public address, http (no secure context) | kept away | kept away |

Which address a page comes from is its server's address, not its name. Chrome's own words keep
private pages away as well, so list them too. For each browser put
`packaging/browser-policies/onecard.json` with the origins of your pages into its folder;
`onecard doctor` prints the command, and says which page is not named:

| browser | folder |
|---|---|
| Chromium (Debian) | `/etc/chromium/policies/managed` (tried) |
| Chromium (Ubuntu) | `/etc/chromium-browser/policies/managed` (by its documentation) |
| Google Chrome | `/etc/opt/chrome/policies/managed` (by its documentation) |
| Microsoft Edge | `/etc/opt/edge/policies/managed` (by its documentation) |
| 奇安信可信浏览器, 360 安全浏览器, 统信 UOS 浏览器 | uncertain: no public source names one |

The last ones are made from Chromium; those seen in public name 83 to 110 as their version, which
ask as 104 to 141 do or not at all. Look at `chrome://version`. Where one is 142 or later, its
folder is in its program: `strings PROGRAM | grep '^/etc/.*policies'`, then `/managed` below it;
`chrome://policy` shows whether the file is read, and `facade.browser_policies` has `onecard
doctor` look there.

- `LoopbackNetworkAllowedForUrls` counts from version 146 on, `LocalNetworkAccessAllowedForUrls`
  from 142 on; the file has both. An entry without a port means every port.
- Chromium (156) reads every file of the folder, whatever its name ends with, and of a list that
  several of them have takes that of the last by name. An old copy (`onecard.json~`) is such a file.
- A page without https is reached by neither list. Serve it by https; or, in a network that uses
  public addresses inside, name that network in `LocalNetworkAccessIpAddressSpaceOverrides`
  (`packaging/browser-policies/onecard-networks.json`).
- A page in a frame of another origin needs `allow="loopback-network"` (before 145
  `local-network-access`) on the frame (by Chrome's documentation).

## The Unix socket's limits

{unix_each} callers of one user and {unix} in all at a time, who keep their line as long as they
like once they have called. Who comes on top, or is no client, is told so and closed, and so is a
line that brings no call within {first:.0f} s. A frame that takes more than {frame:.0f} s, or comes
before the last answer was taken, ends the connection.
"""


def document() -> str:
    """The whole page in Markdown."""
    defaults = FacadeSettings()
    leases = LEASES.format(
        lease=defaults.lease, begun=BEGUN_WITHIN, longest=LONGEST, data=LONGEST_DATA
    )
    envelopes = ENVELOPES.format(
        ahead=web_socket.AHEAD,
        largest=web_envelope.LARGEST,
        body=web.BODY_WITHIN,
        each=web.EACH,
        callers=web.CALLERS,
        head=http_lines.HEAD_WITHIN,
        web_each=web_server.EACH,
        web_lines=web_server.LINES,
        unix_each=unix.EACH,
        unix=unix.CALLERS,
        first=unix.FIRST_WITHIN,
        frame=unix.FRAME_WITHIN,
    )
    return "\n".join([HEAD, *_functions(), *_capabilities(), *_errors(), leases, envelopes])


def _functions() -> Iterable[str]:
    yield "## What works: function × mode × edition\n"
    editions = [f"{generation.value}" for generation in Generation]
    yield from _table(
        ["function", "parameters, then `pOutInfo`", "bytes", "keys by", *editions, "needs"],
        map(_function, FUNCTIONS.values()),
    )
    yield UNSUPPORTED
    for family, why in WHY.items():
        yield f"- `{family}…`: {why}."
    yield ""


def _function(function: Function) -> Sequence[str]:
    parameters = ", ".join(
        f"{'int' if name in INTEGERS else 'char *'} {name}".replace("* ", "*")
        for name in function.parameters
    )
    works = [_works(function, generation) for generation in Generation]
    mode = MODES[function.group] if function.supported else "–"
    return [
        f"`{function.name}`",
        parameters or "–",
        str(function.output),
        mode,
        *works,
        f"`{function.needs}`" if function.needs else "–",
    ]


def _works(function: Function, generation: Generation) -> str:
    if not function.supported:
        return "−13"
    return REMARKS.get((function.name, generation), "works")


def _capabilities() -> Iterable[str]:
    yield "## Capabilities of a client\n"
    yield from _table(["capability", "allows"], ([f"`{name}`", NEEDS[name]] for name in NEEDS))
    yield STAFF


def _errors() -> Iterable[str]:
    yield "## Errors\n"
    yield ERRORS
    yield from _table(
        ["result", "中文", "meaning", "faults"],
        (
            [
                f"−{-row.result}",
                row.zh,
                row.en,
                ", ".join(f"`{code}`" for code in row.faults) or "never told",
            ]
            for row in table()
        ),
    )
    yield CARD_ERRORS


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(document())
