"""The settings of one terminal, as they stand in its TOML file. Shapes only; `config.load` reads.

Every struct forbids unknown keys. Durations are seconds unless the name says otherwise. The
`description` beside a pattern is what an error shows as allowed, so it is written in signs.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z", description='"a-z 0-9 -" ≤ 32')]
Path = Annotated[str, Meta(pattern=r"^/[^\x00]*\Z", description='"/…"')]
# sockaddr_un.sun_path holds 108 bytes with its closing zero (unix(7)).
SocketPath = Annotated[str, Meta(pattern=r"^/[!-~]{1,106}\Z", description='"/…" ASCII ≤ 107')]
USUAL_SOCKET: Final = "/run/onecard/agent.sock"
Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[float, Meta(gt=0, le=3600)]
Count = Annotated[int, Meta(ge=0, le=2**31)]
# A few words for people or for the platform: no line ends, no signs that steer a console.
Words = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{0,200}\Z", description='"…" ≤ 200')]
Short = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{0,64}\Z", description='"…" ≤ 64')]
# A clip's name without its ending: a file of the voice pack.
Clip = Annotated[str, Meta(pattern=r"^[^/\x00-\x1f\x7f]{0,64}\Z", description='"…" ≤ 64, no "/"')]
# A name's parts have 63 signs at most (RFC 1035, 2.3.4): others cannot even be looked up.
Host = Annotated[
    str,
    Meta(
        pattern=r"^(?=.{1,253}\Z)"
        r"([A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\Z",
        description="host · IPv4 · IPv6",
    ),
]
# What a driver's options may hold; the driver itself says what it takes (drivers/options.py).
Options = dict[
    str, str | int | float | bool | list[str | int | float | bool] | dict[str, str | int]
]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: what is not known is an error, not a surprise."""


class TerminalSettings(Settings, frozen=True, kw_only=True):
    """Who and where this box is."""

    id: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z", description='"A-Z a-z 0-9 _ -" ≤ 32')
    ]
    city: Annotated[str, Meta(pattern=r"^[0-9]{6}\Z", description='"000000" … "999999"')]  # region
    language: Literal["zh", "en", "auto"] = "auto"  # auto: LANG
    data: Path = "/var/lib/onecard"
    socket: SocketPath = USUAL_SOCKET
    application: Short = ""  # registered application code (应用目录)
    # Terminal numbers of the PSAMs that belong into this box; empty: any. Only `doctor` looks.
    psam_numbers: tuple[
        Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{12}\Z", description='"0-9 A-F" 12')], ...
    ] = ()


class Reader(Settings, frozen=True, kw_only=True):
    """One slot: found by `match` on the system's name, called `name` everywhere else."""

    name: Name
    driver: str = "pcsc"
    match: Annotated[str, Meta(pattern=r"^[^\x00]+\Z", description='"…"')]
    interface: Literal["contact", "contactless", "sam"]
    sam: Literal["social-security", "transit"] = "social-security"  # whose PSAM; slots only
    options: Options = {}


class OutputSettings(Settings, frozen=True, kw_only=True):
    """A barrier or a prompt."""

    name: Name
    driver: str = "console"
    options: Options = {}


class DeviceSettings(Settings, frozen=True, kw_only=True):
    """A scanner or camera, an ID-card reader, a PIN pad, a printer."""

    name: Name
    driver: Annotated[str, Meta(min_length=1)]
    options: Options = {}


class CodeRule(Settings, frozen=True, kw_only=True):
    """What becomes of one kind of code. A `name` that the first bytes nominate (see
    `agent.codes`) needs no more than `resolve`; any other name describes a text of its own."""

    name: Name
    resolve: Literal["offline", "platform", "refuse"] = "refuse"
    prefix: Annotated[str, Meta(max_length=512)] = ""  # the text begins with it
    characters: Literal["digits", "hex", "alphanumeric", "base64", "text"] = "text"  # after it
    shortest: Annotated[int, Meta(ge=1, le=512)] = 1  # characters in all
    longest: Annotated[int, Meta(ge=1, le=512)] = 512
    # For `resolve = "platform"`. What for: 01 query, 02 payment, 03 other, 04 medical out of the
    # person's region. And how long the person waits; a tap gets 5 s to end at a reload.
    business: Literal["01", "02", "03", "04"] = "01"
    within: Annotated[float, Meta(gt=0, le=4)] = 3.0


Header = Annotated[str, Meta(pattern=r"^([0-9A-F]{2}){2,5}\Z", description='"0-9 A-F" 4 … 10')]


class CardKindSettings(Settings, frozen=True, kw_only=True):
    """Cards that depart from the specification; of the first kind that fits they are. Of a social
    security card is known at first its ATR, whose four digits count as its region, then its region
    and generation as they are read."""

    name: Name
    regions: tuple[
        Annotated[str, Meta(pattern=r"^[0-9]{2,6}\Z", description='"11" … "659999"')], ...
    ] = ()  # beginnings of the six digits; empty: any
    generations: tuple[Literal["1.0", "2.0", "3.0"], ...] = ()  # empty: any
    atr: Annotated[
        str, Meta(pattern=r"^[0-9A-F*?]{0,128}\Z", description='"0-9 A-F * ?" ≤ 128')
    ] = ""  # shell pattern on all of the ATR in hex; empty: any
    # 0088 with Lc 11: this key version behind the original.
    internal_key_version: Annotated[int, Meta(ge=0, le=255)] | None = None
    # Beginning of a command → what goes out in its place, as long, and with the same instruction:
    # { "00A402" = "00A400" }.
    rewrites: dict[Header, Header] = {}
    applications_by_fid: bool = False  # DF01 … by SELECT P1=00 with DF01, not by its AID
    le_zero: bool = True  # T=1, contactless: a command with data and answer ends with Le 00
    # How records are named, tried in this order; empty: sfi-tag, select-tag, sfi-number.
    addressing: tuple[Literal["sfi-tag", "select-tag", "sfi-number"], ...] = ()


class OfflineCodes(Settings, frozen=True, kw_only=True):
    """Codes that are verified here, `resolve = "offline"`."""

    interval: Annotated[float, Meta(ge=0, le=3600)] = 0.0  # seconds between codes of one account
    gate_groups: tuple[Annotated[int, Meta(ge=1, le=65535)], ...] = ()  # of tickets, taken here
    # Of Ministry codes: issuers that may sign for accounts of another one, "CERTIFICATE:ACCOUNT";
    # the codes of all others name one and the same issuer twice.
    other_issuers: tuple[
        Annotated[
            str,
            Meta(
                pattern=r"^([0-9A-Fa-f]{8}|\*):([0-9A-Fa-f]{8}|\*)\Z",
                description='"05212482:88888888" · "05212482:*"',
            ),
        ],
        ...,
    ] = ()


class LaneSettings(Settings, frozen=True, kw_only=True):
    """One way through: what belongs together."""

    name: Name
    direction: Literal["entry", "exit", "counter"]
    readers: tuple[Name, ...] = ()
    scanners: tuple[Name, ...] = ()
    documents: tuple[Name, ...] = ()  # ID-card readers
    barrier: Name | None = None
    prompts: tuple[Name, ...] = ()
    staff: tuple[Name, ...] = ()  # prompts that only staff see or hear: who rides for less
    pinpad: Name | None = None
    printer: Name | None = None
    passage_within: Positive = 8.0  # seconds to go through once the barrier is open
    taps: bool = True  # false at a counter: cards wait for a business system's call (`[facade]`)


class Offline(Settings, frozen=True, kw_only=True):
    """What a scene that asks how people stand (卡鉴权) does while no service answers."""

    max_age: Annotated[int, Meta(ge=0, le=31_536_000)] = 86_400  # seconds; an older answer is none
    unknown: Literal["accept", "refuse"] = "refuse"  # no answer, and none that is young enough
    foreign: Literal["accept", "refuse"] = "refuse"  # cards of other provinces
    max_count: Count | None = None  # acceptances of one person a day (China)
    max_count_foreign: Count | None = None  # of all cards of other provinces a day, here
    max_amount: Count | None = None  # fen


class SceneSettings(Settings, frozen=True, kw_only=True):
    """What this terminal is for."""

    kind: Name  # of an entry point of `onecard.scenes`
    options: Options = {}  # the scene itself says what it takes
    out_of_region_medical: bool = False  # codes are resolved for business 04, whatever their rule
    # How people stand: ask a status service, or go by the lists alone; else as the scene has it.
    check: Literal["ask", "lists"] | None = None
    # A card whose ATR names another serial than its card identification code does: it is a doubt in
    # the record, or it is refused, here and at the national interface (docs/decisions.md).
    card_serial: Literal["record", "refuse"] = "record"
    offline: Offline = Offline()


class Transit(Settings, frozen=True, kw_only=True):
    """Paying with a transit purse."""

    fare: Annotated[int, Meta(ge=0, le=1_000_000)] = 200  # fen; while no fare list says otherwise
    city: Annotated[str, Meta(pattern=r"^[0-9]{4}\Z", description='"0000" … "9999"')] | None = (
        None  # as the cards' file 0017 has it; without it the first four of terminal.city
    )
    grey_after: Annotated[float, Meta(ge=10, le=604_800)] = 900.0  # seconds for a card to come back
    top_up_below: Annotated[int, Meta(ge=0, le=1_000_000)] = 500  # fen left: "please top up"
    # Where the terminal stands, ids of the list `lines`; of a vehicle `[vehicle]` says it.
    line: Annotated[str, Meta(max_length=32)] = ""
    station: Annotated[str, Meta(max_length=32)] = ""
    # How cards know this operator, where rides are written on them: 001E's operator, institution.
    operator: Annotated[str, Meta(pattern=r"^[0-9A-F]{4}\Z", description='"0-9 A-F" 4')] = "0000"
    institution: Annotated[str, Meta(pattern=r"^[0-9A-F]{16}\Z", description='"0-9 A-F" 16')] = (
        "0000000000000000"
    )
    layouts: tuple[Path, ...] = ()  # a city's own record tables (TOML, as in apdu/transit/layouts)
    # How the city's cards take a purchase of 0 fen that writes nothing: a card proves itself by it.
    zero_fen: Literal["composite", "simple"] = "composite"
    # First digits of a card's 19, which no proof is about: a card with others is known by the first
    # of these (docs/decisions.md).
    number_heads: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[0-9]{3}\Z", description='"000" … "999"')], ...],
        Meta(min_length=1),
    ] = ("310",)
    # Of cards that ride beside those of agent/purse/card_types.toml; two hex digits of file 0017.
    card_types: tuple[
        Annotated[str, Meta(pattern=r"^[0-9A-F]{2}\Z", description='"00" … "FF"')], ...
    ] = ()


class GiveBackSettings(Settings, frozen=True, kw_only=True):
    """A visit that did not happen: no person went through in `lanes.passage_within`, as the
    barrier's sensors tell, or the gate stuck after a purse had paid. So often a day (China) it is
    returned to one person; 0: never."""

    # Tickets, packages, codes, repetition, counts. Of a ticket that names nobody: of all its uses.
    visits_per_day: Annotated[int, Meta(ge=0, le=100)] = 3
    rides_per_day: Annotated[int, Meta(ge=0, le=100)] = 2  # what was paid for; a metro's trip
    ride_minutes: Annotated[int, Meta(ge=1, le=240)] = 15  # the next boarding here is for nothing


class StatusServiceSettings(Settings, frozen=True, kw_only=True):
    """Who knows how people of some provinces stand."""

    name: Name
    kind: Literal["mqtt", "https"]  # mqtt: the platform, by [sync]
    regions: tuple[
        Annotated[str, Meta(pattern=r"^[0-9]{2}\Z", description='"11" … "65"')], ...
    ] = ()  # first two digits of the card's region
    mapping: Path | None = None  # https: TOML file (docs/status-mapping.md)
    ca: Path | None = None  # https: PEM file; without it the system's authorities
    certificate: Path | None = None  # https: this terminal's own, where the service wants one
    key: Path | None = None


class StatusSettings(Settings, frozen=True, kw_only=True):
    """The status check (卡鉴权)."""

    services: tuple[StatusServiceSettings, ...] = ()
    default: Name | None = None  # whoever is asked where no service has the card's region
    within: Annotated[float, Meta(gt=0, le=10)] = 0.8  # seconds; a person stands there and waits


class Result(Settings, frozen=True, kw_only=True):
    """How a city tells people one reason; what is not given stays as shipped."""

    lamp: Literal["green", "red", "yellow", "off"] | None = None
    beep: Literal["short", "double", "long", "none"] | None = None
    words: dict[Literal["zh", "en"], Words] = {}  # what is shown, by language
    voice: Clip | None = None  # clip of the voice pack; empty: nothing is said


Preset = Literal["neutral", "greeting", "tone", "by-class"]


class SpokenSettings(Settings, frozen=True, kw_only=True):
    """What is said aloud and shown to everybody, as the city wants it; `[results.…]` changes single
    reasons. `neutral`: by the result table, the same for every person. `greeting`: a person who may
    pass hears "hello", and that alone. `tone`: only the beep. `by-class`: a passenger who
    rides for less is called by class, for all to hear; cities took that back after complaints."""

    preset: Preset = "neutral"


class Sync(Settings, frozen=True, kw_only=True):
    """The way to the platform."""

    host: Host
    port: Port = 8883
    ca: Path | None = None  # PEM file; without it no TLS, and no host but this one
    certificate: Path | None = None
    key: Path | None = None
    username: Short | None = None
    password_secret: Name | None = None  # name in the key store
    namespace: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_-]{1,32}(/[A-Za-z0-9_-]{1,32}){0,7}\Z",
            description='"A-Z a-z 0-9 _ -" ≤ 32, a/b/c ≤ 8',
        ),
    ] = "onecard/v1"
    batch: Annotated[int, Meta(ge=1, le=50)] = 50
    max_inflight: Annotated[int, Meta(ge=1, le=20)] = 4
    keepalive: Annotated[int, Meta(ge=5, le=3600)] = 30
    backoff_max: Positive = 30.0


class Hsm(Settings, frozen=True, kw_only=True):
    """The city's HSM, by the platform, for cards that the PSAM cannot serve."""

    enabled: bool = True  # needs [sync]
    within: Annotated[float, Meta(gt=0, le=10)] = 2.0  # a card lies in the reader meanwhile


class Keys(Settings, frozen=True, kw_only=True):
    """Where secrets live."""

    store: Literal["file", "systemd"] = "file"
    path: Path = "/var/lib/onecard/keys"
    # The issuing authority's table of key ids and addresses (TOML,
    # `apdu.social_security.city_keys`); no keys.
    authority: Path | None = None


class WatchdogSettings(Settings, frozen=True, kw_only=True):
    """When a card or a PSAM that does not answer is given up; seconds."""

    card_silent: Positive = 1.2  # prompt "take the card away" within 1.5 s
    # Until the HSM is asked instead; a good PSAM takes some 0.1.
    psam_silent: Annotated[float, Meta(gt=0, le=5)] = 1.2


Capability = Literal["identity", "files", "write", "pin", "pin-clear"]
# What the settings can keep for staff who are signed in.
Kept = Literal["lend-devices", "identity", "files", "write", "pin", "pin-clear"]


class SignInSettings(Settings, frozen=True, kw_only=True):
    """Staff sign in by scanning (扫码登录); the platform says who may."""

    enabled: bool = False
    hours: Annotated[float, Meta(gt=0, le=24)] = 8.0  # until they have to sign in again
    poll: Annotated[float, Meta(ge=0.5, le=30)] = 2.0  # between questions while a code is shown
    within: Annotated[float, Meta(gt=0, le=8)] = 3.0  # for each answer
    required_for: tuple[Kept, ...] = ()  # what nobody else may have done here


User = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z", description='"…" ASCII ≤ 64')]


# A port's number as a URL has it, 1 to 65535: another one is no address that a page could have.
_PORT: Final = (
    r"0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
Origin = Annotated[
    str,
    Meta(
        pattern=rf"^https?://[a-z0-9.-]+(?::{_PORT})?\Z",
        description='"https://…" · "https://…:PORT"',
    ),
]
PageHost = Annotated[str, Meta(pattern=rf"^[a-z0-9.-]+:{_PORT}\Z", description='"…:PORT"')]
PinDigits = Annotated[int, Meta(ge=4, le=16)]


class FacadeClient(Settings, frozen=True, kw_only=True):
    """A business program that may call the national interface: by its `user` at the Unix socket,
    or by exact `origin` and `host` at the loopback port."""

    name: Name
    user: User | None = None
    origin: Origin | None = None
    host: PageHost | None = None
    # The system's users whose browsers may be that page; empty: any user of this machine.
    users: tuple[User, ...] = ()
    # What the journal says the identities are for; ends up in each `disclosure`.
    purpose: Annotated[str, Meta(pattern=r"^[^\x00-\x1f|]{1,64}\Z", description='"…" ≤ 64')]
    capabilities: tuple[Capability, ...] = ("identity",)
    lanes: tuple[Name, ...] = ()  # empty: every lane whose direction is "counter"
    # Digits of PINs that are typed for it: what cards take, or what this city gives out.
    pin_shortest: PinDigits = 4
    pin_longest: PinDigits = 16


class FacadeSettings(Settings, frozen=True, kw_only=True):
    """The national reader interface. Without this table it is not there."""

    socket: SocketPath = "/run/onecard/sscard.sock"
    port: Port | None = None  # HTTP and WebSocket on 127.0.0.1; none: off
    lease: Positive = 60.0  # seconds that a caller keeps a reader between two of its calls
    pin_timeout: Positive = 30.0  # seconds to type a PIN
    device_number: Annotated[
        str, Meta(pattern=r"^[ -{}~]{0,32}\Z", description='"…" ASCII ≤ 32, no "|"')
    ] = ""  # 终端设备号, last field of iReadCardBas
    # What a status service's answer against card or holder (卡鉴权) means for the basic read, where
    # the scene asks one: it is in the journal, or nothing is handed out as well.
    standing: Literal["record", "refuse"] = "record"
    # Folders of mandatory policies of browsers that `doctor` does not know by itself.
    browser_policies: tuple[Path, ...] = ()
    clients: tuple[FacadeClient, ...] = ()


class Vehicle(Settings, frozen=True, kw_only=True):
    """The vehicle that this terminal rides in. Without this table it is in none."""

    id: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z", description='"A-Z a-z 0-9 _ -" ≤ 32')
    ]
    line: Annotated[str, Meta(max_length=16)] = ""  # until the driver chooses another one
    direction: Literal["up", "down"] = "up"


class JourneySettings(Settings, frozen=True, kw_only=True):
    """How a vehicle knows where it is, and what a driver may do."""

    gnss: Options = {}  # of a receiver (NMEA 0183): port, baudrate, …; empty: there is none
    sure: Annotated[int, Meta(ge=1, le=30)] = 3  # fixes in a row that make a stop certain
    override_minutes: Annotated[float, Meta(gt=0, le=720)] = 20.0  # a stop chosen by hand holds
    turn_at_end: bool = True  # at the last stop the direction turns
    held: Annotated[float, Meta(ge=0, le=600)] = 10.0  # seconds after signing on: no signing off


class AgentSettings(Settings, frozen=True, kw_only=True):
    """One terminal's whole configuration."""

    profile: Name | None = None  # the file under this one, from config/profiles
    terminal: TerminalSettings
    scene: SceneSettings
    lanes: Annotated[tuple[LaneSettings, ...], Meta(min_length=1)]
    readers: tuple[Reader, ...] = ()
    scanners: tuple[DeviceSettings, ...] = ()
    documents: tuple[DeviceSettings, ...] = ()
    barriers: tuple[OutputSettings, ...] = ()
    prompts: tuple[OutputSettings, ...] = ()
    pinpads: tuple[DeviceSettings, ...] = ()
    printers: tuple[DeviceSettings, ...] = ()
    codes: tuple[CodeRule, ...] = ()  # the first that fits
    cards: tuple[
        CardKindSettings, ...
    ] = ()  # social security cards that depart; the first that fits
    offline_codes: OfflineCodes = msgspec.field(default_factory=OfflineCodes)
    results: dict[Name, Result] = {}  # by reason code
    spoken: SpokenSettings = msgspec.field(default_factory=SpokenSettings)
    classes: dict[Name, Result] = {}  # of who rides for less, by class of the fare list; for staff
    sync: Sync | None = None
    hsm: Hsm = msgspec.field(default_factory=Hsm)
    status: StatusSettings = msgspec.field(default_factory=StatusSettings)
    keys: Keys = msgspec.field(default_factory=Keys)
    watchdog: WatchdogSettings = msgspec.field(default_factory=WatchdogSettings)
    give_back: GiveBackSettings = msgspec.field(default_factory=GiveBackSettings)
    sign_in: SignInSettings = msgspec.field(default_factory=SignInSettings)
    facade: FacadeSettings | None = None
    transit: Transit = msgspec.field(default_factory=Transit)
    vehicle: Vehicle | None = None
    journey: JourneySettings = msgspec.field(default_factory=JourneySettings)
