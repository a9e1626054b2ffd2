"""What the types cannot say: how readers, lanes and the link's settings have to fit together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from config.faults import (
    ConfigFault,
    DuplicateName,
    NeedsKey,
    PlainLink,
    ReaderInTwoLanes,
    ReaderWithoutLane,
    SamInLane,
    UnknownName,
)
from config.model import Agent, Device, Lane, Reader, Sync
from config.shape import listed


def contradictions(agent: Agent, file: str) -> list[ConfigFault]:
    """Every rule between settings that `agent` breaks."""
    return [
        *_duplicates(agent, file),
        *_unknown_devices(agent, file),
        *_lanes_of_readers(agent, file),
        *(_link(agent.sync, file) if agent.sync else ()),
    ]


def _duplicates(agent: Agent, file: str) -> Iterator[ConfigFault]:
    lists: dict[str, Sequence[Lane | Reader | Device]] = {
        "lanes": agent.lanes,
        "readers": agent.readers,
        "barriers": agent.barriers,
        "prompts": agent.prompts,
    }
    for key, items in lists.items():
        for name, times in Counter(item.name for item in items).items():
            if times > 1:
                yield DuplicateName(file=file, key=key, found=name)


def _unknown_devices(agent: Agent, file: str) -> Iterator[ConfigFault]:
    readers = [reader.name for reader in agent.readers]
    barriers = [barrier.name for barrier in agent.barriers]
    prompts = [prompt.name for prompt in agent.prompts]
    for lane in agent.lanes:
        named = [("readers", name, readers) for name in lane.readers]
        named += [("barrier", lane.barrier, barriers)] if lane.barrier else []
        named += [("prompts", name, prompts) for name in lane.prompts]
        for key, name, known in named:
            if name not in known:
                yield UnknownName(
                    file=file, key=f"lanes[{lane.name}].{key}", found=name, allowed=listed(known)
                )


def _lanes_of_readers(agent: Agent, file: str) -> Iterator[ConfigFault]:
    for reader in {reader.name: reader for reader in agent.readers}.values():
        lanes = [lane.name for lane in agent.lanes for name in lane.readers if name == reader.name]
        key = f"readers[{reader.name}]"
        if reader.interface == "sam":
            for lane in lanes:
                yield SamInLane(file=file, key=f"lanes[{lane}].readers", found=reader.name)
        elif not lanes:
            known = listed([lane.name for lane in agent.lanes])
            yield ReaderWithoutLane(file=file, key=key, found=reader.name, allowed=known)
        elif len(lanes) > 1:
            yield ReaderInTwoLanes(file=file, key=key, found=reader.name, lanes=listed(lanes))


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


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
