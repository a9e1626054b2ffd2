"""A card that leaves at any APDU of a session: gone, nothing repeated, no try lost by us, and what
is on the card afterwards is the old or the new, never a mixture."""

from collections.abc import Callable

import pytest

from apdu.channel import CardGone
from apdu.social_security.file_address import parse_address, parse_data
from apdu.social_security.session import CardSession
from simulators.cards import Algorithm, Generation, SocialSecurityCardOs
from simulators.cards.contents import Transaction
from tests.apdu.simulated import Bench, bench
from tests.simulators.cards.terminal import PIN

Flow = Callable[[CardSession], object]
NEVER_TWICE = (0x20, 0x24, 0x5E, 0x82)
NEW = "654321"
PAID = Transaction(1, "519900000001", "20200101120000", 1, 2, 3)


def enter(tries: int) -> bytearray:
    return bytearray(PIN.encode())


FLOWS: dict[str, Flow] = {
    "read by key": lambda s: s.read(parse_address("DF01EF05|20|$SSSEEF07|0:20|$"), how="key"),
    "read by pin and key": lambda s: s.read(parse_address("DF04EF06|90|$"), ask_pin=enter),
    "transactions": lambda s: s.read(parse_address("DF04EF08|$"), ask_pin=enter),
    "write": lambda s: s.write(
        parse_data("李四|20000101|$BEEF|$", parse_address("SSSEEF06|09|0D|$DF01EF1A|0:2|$"))
    ),
    "change": lambda s: s.change_pin(bytearray(PIN.encode()), bytearray(NEW.encode())),
    "reload": lambda s: s.reload_pin(bytearray(NEW.encode())),
    "unblock": lambda s: s.unblock_pin(),
}


def made(generation: Generation) -> Bench:
    algorithm = Algorithm.SM4 if generation is Generation.V3 else Algorithm.DES3
    return bench(generation, algorithm, transactions=[PAID])


def length(flow: Flow, generation: Generation) -> int:
    card = made(generation)
    with card.session() as session:
        flow(session)
    return len(card.channel.sent)


CASES = [
    (name, generation, at)
    for name, flow in FLOWS.items()
    for generation in (Generation.V2, Generation.V3)
    for at in range(length(flow, generation))
]


def tear(card: Bench, at: int, *, after: bool) -> None:
    """The card goes at the command with that number: before it takes it, or with the answer."""
    inside = card.channel.card.transmit

    def transmit(command: bytes) -> bytes:
        torn = len(card.channel.sent) == at + 1  # this one is already written down
        if torn and not after:
            raise CardGone
        answer = inside(command)
        if torn:
            raise CardGone
        return answer

    card.channel.card.transmit = transmit  # type: ignore[method-assign]


def names_on(card: SocialSecurityCardOs) -> bytes:
    return card.application("SSSE").files[1].record(tag=0x09)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("name", "generation", "at"), CASES)
def test_a_torn_session_ends_gone_and_leaves_old_or_new(
    name: str, generation: Generation, at: int, after: bool
) -> None:
    card = made(generation)
    before = names_on(card.inside)
    tear(card, at, after=after)
    with pytest.raises(CardGone), card.session() as session:
        FLOWS[name](session)
    assert len(card.channel.sent) == at + 1  # nothing was tried again
    assert card.inside.pin.digits in (PIN, NEW)
    assert card.inside.pin.tries.left == card.inside.pin.tries.limit
    assert all(
        key.tries.left == key.tries.limit
        for key in (card.inside.key("SSSE", "PUK"), card.inside.key("SSSE", "UKSSSE"))
    )
    after_all = names_on(card.inside)
    assert after_all == before or after_all[2:].startswith("李四".encode("gbk"))


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("generation", [Generation.V2, Generation.V3])
def test_an_untorn_session_sends_what_costs_a_try_once_per_key(
    name: str, generation: Generation
) -> None:
    """The control: the flows go through, so what the test above sees is the tearing."""
    card = made(generation)
    with card.session() as session:
        FLOWS[name](session)
    shown = [c[1:4] for c in card.channel.sent if c[1] in NEVER_TWICE and len(c) > 5]
    assert len(shown) == len(set(shown))
