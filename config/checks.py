"""What the types cannot say: how readers, lanes and the link's settings have to fit together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from posixpath import normpath

from config.faults import (
    ConfigFault,
    DuplicateName,
    MissingKey,
    NeedsKey,
    PlainLink,
    ReaderInTwoLanes,
    ReaderWithoutLane,
    SaidTwice,
    SamInLane,
    UnknownName,
    WrongValue,
)
from config.model import (
    AgentSettings,
    CardKindSettings,
    CodeRule,
    FacadeSettings,
    LaneSettings,
    Sync,
)
from config.shape import listed, shown
from config.waits import too_long_waits

DEVICES = ("readers", "scanners", "documents", "barriers", "prompts", "pinpads", "printers")


def contradictions(agent: AgentSettings, file: str) -> list[ConfigFault]:
    """Every rule between settings that `agent` breaks."""
    return [
        *_duplicates(agent, file),
        *_unknown_devices(agent, file),
        *_staff_only(agent, file),
        *_lanes_of_readers(agent, file),
        *_lanes_of_inputs(agent, file),
        *_lanes_without_inputs(agent, file),
        *_codes_that_never_come(agent, file),
        *_lanes_without_taps(agent, file),
        *_kinds_of_cards(agent, file),
        *(_facade(agent, agent.facade, file) if agent.facade else ()),
        *(_link(agent.sync, file) if agent.sync else ()),
        *_sign_in(agent, file),
        *_status_services(agent, file),
        *_vehicle(agent, file),
        *too_long_waits(agent, file),
    ]


def _duplicates(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    for key in ("lanes", *DEVICES, "codes", "cards"):
        names = Counter(item.name for item in getattr(agent, key))
        for name, times in names.items():
            if times > 1:
                yield DuplicateName(file=file, key=key, found=name)
    # A device is called by its name alone in logs, status and texts.
    owners: dict[str, str] = {}
    for key in DEVICES:
        for name in {item.name for item in getattr(agent, key)}:
            if owners.setdefault(name, key) != key:
                yield DuplicateName(file=file, key=f"{owners[name]}, {key}", found=name)
    for key, values in (
        *((f"lanes[{lane.name}].prompts", lane.prompts) for lane in agent.lanes),
        *((f"lanes[{lane.name}].staff", lane.staff) for lane in agent.lanes),
        ("terminal.psam_numbers", [number.upper() for number in agent.terminal.psam_numbers]),
        ("offline_codes.gate_groups", agent.offline_codes.gate_groups),
        ("transit.layouts", agent.transit.layouts),
    ):
        for value, times in Counter(values).items():
            if times > 1:
                yield DuplicateName(file=file, key=key, found=str(value))


def _staff_only(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    """What staff are told is not to be told to everybody."""
    public = {name: lane.name for lane in agent.lanes for name in lane.prompts}
    for lane in agent.lanes:
        for name in set(lane.staff) & public.keys():
            key = f"lanes[{public[name]}].prompts, lanes[{lane.name}].staff"
            yield DuplicateName(file=file, key=key, found=name)


def _unknown_devices(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    known = {key: [item.name for item in getattr(agent, key)] for key in DEVICES}
    for lane in agent.lanes:
        for key, kind, names in _named(lane):
            for name in names:
                if name not in known[kind]:
                    yield UnknownName(
                        file=file,
                        key=f"lanes[{lane.name}].{key}",
                        found=name,
                        allowed=listed(known[kind]),
                    )


def _named(lane: LaneSettings) -> Iterator[tuple[str, str, Sequence[str]]]:
    """What a lane names: (key in the lane, list of the devices, names)."""
    for key in ("readers", "scanners", "documents", "prompts"):
        yield key, key, getattr(lane, key)
    yield "staff", "prompts", lane.staff
    for key in ("barrier", "pinpad", "printer"):
        name = getattr(lane, key)
        yield key, f"{key}s", [name] if name else []


def _lanes_of_readers(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    for reader in {reader.name: reader for reader in agent.readers}.values():
        lanes = [lane.name for lane in agent.lanes for name in lane.readers if name == reader.name]
        key = f"readers[{reader.name}]"
        if reader.interface == "sam":
            for lane in lanes:
                yield SamInLane(file=file, key=f"lanes[{lane}].readers", found=reader.name)
        elif not lanes:
            known = listed([lane.name for lane in agent.lanes])
            yield ReaderWithoutLane(
                file=file, key=key, found=reader.name, list="readers", allowed=known
            )
        elif len(lanes) > 1:
            yield ReaderInTwoLanes(file=file, key=key, found=reader.name, lanes=listed(lanes))


def _lanes_of_inputs(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    """A scanner or ID-card reader belongs to one lane, as a reader does."""
    for kind in ("scanners", "documents"):
        for name in dict.fromkeys(item.name for item in getattr(agent, kind)):
            lanes = [lane.name for lane in agent.lanes for n in getattr(lane, kind) if n == name]
            key = f"{kind}[{name}]"
            if not lanes:
                known = listed([lane.name for lane in agent.lanes])
                yield ReaderWithoutLane(file=file, key=key, found=name, list=kind, allowed=known)
            elif len(lanes) > 1:
                yield ReaderInTwoLanes(file=file, key=key, found=name, lanes=listed(lanes))


def _lanes_without_inputs(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    for lane in agent.lanes:
        if not (lane.readers or lane.scanners or lane.documents):
            key = f"lanes[{lane.name}].readers"
            yield MissingKey(file=file, key=key, allowed='["…", …] ≥ 1 ×')


def _codes_that_never_come(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    for rule in agent.codes:
        least = max(rule.shortest, len(rule.prefix))
        if rule.longest < least:
            key, found = f"codes[{rule.name}].longest", str(rule.longest)
            yield WrongValue(file=file, key=key, found=found, allowed=f"integer ≥ {least}")
    # The first rule that fits has the code: another one for the same texts never gets any. Rules
    # that say nothing of a text may be of codes that their first bytes nominate.
    owners = {_texts(CodeRule(name="any")): ""}
    for rule in agent.codes:
        if (owner := owners.setdefault(_texts(rule), rule.name)) not in ("", rule.name):
            key, found = f"codes[{rule.name}]", f'"{rule.prefix}" {rule.characters}'
            yield WrongValue(file=file, key=key, found=found, allowed=f"≠ codes[{owner}]")


def _texts(rule: CodeRule) -> tuple[str, str, int, int]:
    return rule.prefix, rule.characters, rule.shortest, rule.longest


def _lanes_without_taps(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    """Only at a counter may a card wait for a program; nobody would open a gate for it."""
    for lane in agent.lanes:
        if not lane.taps and lane.direction != "counter":
            key, allowed = f"lanes[{lane.name}].taps", 'true · direction = "counter"'
            yield WrongValue(file=file, key=key, found="false", allowed=allowed)


def _kinds_of_cards(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    """A command keeps its length and its instruction, or what must go out once might go out as
    something else. A kind that changes nothing says nothing, nor does one behind all cards."""
    everything = ""
    for kind in agent.cards:
        key = f"cards[{kind.name}]"
        for before, after in kind.rewrites.items():
            if len(before) != len(after) or before[2:4] != after[2:4]:
                allowed = f'"··{before[2:4]}{"·" * (len(before) - 4)}"'
                yield WrongValue(file=file, key=f"{key}.rewrites", found=after, allowed=allowed)
        if kind == CardKindSettings(
            name=kind.name, regions=kind.regions, generations=kind.generations, atr=kind.atr
        ):
            allowed = "internal_key_version · rewrites · applications_by_fid · le_zero · addressing"
            yield MissingKey(file=file, key=key, allowed=allowed)
        if everything:
            yield WrongValue(file=file, key=key, found=kind.name, allowed=f"↑ cards[{everything}]")
        if not (kind.regions or kind.generations or kind.atr.strip("*")):
            everything = everything or kind.name


def _facade(agent: AgentSettings, facade: FacadeSettings, file: str) -> Iterator[ConfigFault]:
    if normpath(facade.socket) == normpath(agent.terminal.socket):
        found, allowed = shown(facade.socket), "≠ terminal.socket"
        yield WrongValue(file=file, key="facade.socket", found=found, allowed=allowed)
    lanes = [lane.name for lane in agent.lanes]
    for at, client in enumerate(facade.clients):
        key, earlier = f"facade.clients[{client.name}]", facade.clients[:at]
        same_host = [other.origin for other in earlier if other.host == client.host]
        if client.name in [other.name for other in earlier]:
            yield DuplicateName(file=file, key="facade.clients", found=client.name)
        # A caller is one client's: by either way in which he is known.
        for name, value, others in (
            ("user", client.user, [other.user for other in earlier]),
            ("origin", client.origin, same_host),
        ):
            if value is not None and value in others:
                yield DuplicateName(file=file, key=f"{key}.{name}", found=value)
        if client.pin_longest < client.pin_shortest:
            longest, least = client.pin_longest, client.pin_shortest
            yield WrongValue(
                file=file, key=f"{key}.pin_longest", found=longest, allowed=f"{least} … 16"
            )
        if client.users and client.origin is None:
            yield NeedsKey(file=file, key=f"{key}.users", allowed=f"{key}.origin")
        if client.user is None and client.origin is None:
            yield MissingKey(file=file, key=f"{key}.user", allowed='"…" · origin + host')
        needs = [
            ("origin", client.origin, f"{key}.host", client.host),
            ("host", client.host, f"{key}.origin", client.origin),
            ("origin", client.origin, "facade.port", facade.port),
        ]
        for name, value, needed, other in needs:
            if value is not None and other is None:
                yield NeedsKey(file=file, key=f"{key}.{name}", allowed=needed)
        for lane in client.lanes:
            if lane not in lanes:
                allowed = listed(lanes)
                yield UnknownName(file=file, key=f"{key}.lanes", found=lane, allowed=allowed)


def _link(sync: Sync, file: str) -> Iterator[ConfigFault]:
    needs = [
        ("key", sync.key, "certificate", sync.certificate),
        ("certificate", sync.certificate, "key", sync.key),
        ("certificate", sync.certificate, "ca", sync.ca),
        ("password_secret", sync.password_secret, "username", sync.username),
    ]
    for key, value, needed, other in needs:
        if value is not None and other is None:
            yield NeedsKey(file=file, key=f"sync.{key}", allowed=f"sync.{needed}")
    if sync.ca is None and not _loopback(sync.host):
        yield PlainLink(file=file, key="sync.host", found=sync.host, allowed="sync.ca")


def _sign_in(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    """Only the platform knows whom to confirm; what nobody can sign in for would never be done."""
    settings = agent.sign_in
    if settings.enabled and agent.sync is None:
        yield NeedsKey(file=file, key="sign_in.enabled", allowed="sync")
    if settings.required_for and not settings.enabled:
        yield NeedsKey(file=file, key="sign_in.required_for", allowed="sign_in.enabled = true")


def _status_services(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    status = agent.status
    names = [service.name for service in status.services]
    for name, times in Counter(names).items():
        if times > 1:
            yield DuplicateName(file=file, key="status.services", found=name)
    regions = Counter(region for service in status.services for region in service.regions)
    for region, times in regions.items():
        if times > 1:
            yield DuplicateName(file=file, key="status.services[…].regions", found=region)
    if status.default is not None and status.default not in names:
        yield UnknownName(
            file=file, key="status.default", found=status.default, allowed=listed(names)
        )
    if agent.scene.check == "ask" and not names:
        yield NeedsKey(file=file, key="scene.check", allowed="status.services")
    for service in status.services:
        key = f"status.services[{service.name}]"
        if service.kind == "mqtt" and agent.sync is None:
            yield NeedsKey(file=file, key=f"{key}.kind", allowed="sync")
        if service.kind == "https" and service.mapping is None:
            yield MissingKey(file=file, key=f"{key}.mapping", allowed='"/…"')
        for one, other in (("key", "certificate"), ("certificate", "key")):
            if getattr(service, one) is not None and getattr(service, other) is None:
                yield NeedsKey(file=file, key=f"{key}.{one}", allowed=f"{key}.{other}")


def _vehicle(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    """A receiver where nothing moves would be for nobody; what moves stands at no station."""
    if agent.vehicle is None:
        if agent.journey.gnss:
            yield NeedsKey(file=file, key="journey.gnss", allowed="vehicle.id")
        return
    for key, instead in (("line", "vehicle.line"), ("station", "journey.gnss")):
        if getattr(agent.transit, key):
            yield SaidTwice(file=file, key=f"transit.{key}", allowed=instead)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
