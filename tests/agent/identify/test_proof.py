"""The rule of docs/decisions.md, "What rests on a proof", as far as the source can show it: who may
say that something has proved itself, and that nothing opens without."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.equipment.lane import Lane
from agent.identify.identity import Identity, Presented
from agent.identify.proof import LEAVING, Proof
from agent.messages.reasons import Reason
from contracts.scenes.stand import FakeBarrier, Stand, play
from offline_store.events.happened import Authentication
from tests import product

# What is evidence of a check, and the one module that carries that check out.
EVIDENCE = {
    "Verified": {"apdu/transit/transit_psam.py"},
    "Authenticated": {"apdu/social_security/authentication.py"},
    "Proof": {"agent/identify/proof.py", "apdu/transit/purse.py"},  # there: the answer to 805A
}
MAKERS = {
    "Proof.of_purse": {"agent/purse/paying.py"},
    "Proof.of_card": {"agent/identify/card.py"},
    "Proof.of_code": {
        "agent/identify/ministry_codes/resolver.py",
        "agent/identify/tickets/resolver.py",
    },
    "Proof.of_platform": {"agent/identify/platform_code.py"},
    "Proof.of_document": {"agent/identify/document.py"},
}
# What is done for somebody, and by whom: each of these calls hands a proof on.
ACTS = {
    "barrier.open": {"agent/equipment/lane.py", "agent/equipment/passage.py"},
    ".passages.open": {"agent/equipment/lane.py"},
    "lane.open": {"agent/tap/tap.py"},
    "_journey.sign": {"agent/tap/tap.py"},
}


def calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def made_elsewhere(path: Path, tree: ast.Module) -> Iterator[str]:
    """Who makes evidence, or a proof of it, without having checked anything."""
    for line, called in calls(tree):
        name = called.rpartition(".")[2]
        if name in EVIDENCE and path.as_posix() not in EVIDENCE[name]:
            yield f"{path}:{line}: {called}() is made by {', '.join(EVIDENCE[name])} alone"
        if path.as_posix() not in MAKERS.get(called, {path.as_posix()}):
            yield f"{path}:{line}: {called}() is for {', '.join(sorted(MAKERS[called]))}"


def done_elsewhere(path: Path, tree: ast.Module) -> Iterator[str]:
    for line, called in calls(tree):
        for act, places in ACTS.items():
            if called.endswith(act) and path.as_posix() not in places:
                yield f"{path}:{line}: {called}() is for {', '.join(sorted(places))}"


Rule = Callable[[Path, ast.Module], Iterator[str]]


@pytest.mark.parametrize("rule", [made_elsewhere, done_elsewhere], ids=lambda rule: rule.__name__)
def test_only_who_has_checked_says_so(rule: Rule) -> None:
    broken = [
        one
        for path in product.sources()
        for one in rule(path.relative_to(product.ROOT), product.tree(path))
    ]
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (made_elsewhere, "proof = Proof('card')"),
        (made_elsewhere, "proof = agent.identify.proof.Proof('card')"),
        (made_elsewhere, "proof = Proof.of_purse(said)"),
        (made_elsewhere, "Verified(authorisation)"),
        (made_elsewhere, "Authenticated(mode='psam')"),
        (done_elsewhere, "lane.open(LEAVING)"),
        (done_elsewhere, "self.barrier.open('entry')"),
        (done_elsewhere, "self._journey.sign(person, credential, proof)"),
    ],
)
def test_control_who_says_so_without_a_check_is_caught(rule: Rule, source: str) -> None:
    assert list(rule(Path("agent/x.py"), ast.parse(source)))


def test_each_maker_is_used_where_it_says() -> None:
    """A table that has gone stale would let anybody in."""
    found = {
        (called, path.relative_to(product.ROOT).as_posix())
        for path in product.sources()
        for _, called in calls(product.tree(path))
    }
    assert all((name, place) in found for name, places in MAKERS.items() for place in places)


def test_a_lane_opens_for_a_proof_or_for_who_leaves() -> None:
    def scenario(stand: Stand) -> None:
        lane = Lane("in", "entry", FakeBarrier(stand.world, stand.calls), [])
        for right in (Proof("card"), LEAVING):
            lane.open(right)
        assert stand.calls == ["open entry"] * 2

    play(scenario)


class Believing:
    """A resolver that names whoever it likes, and has checked nothing."""

    def resolve(self, name: str, content: bytes) -> Presented:
        return Identity(
            credential=f"code:{name}",
            card="c" * 64,
            number="",
            person="d" * 64,
            issued=None,
            expires=None,
            authentication=Authentication(mode="code", result="passed"),
        )


def test_who_is_only_thought_of_gets_nothing() -> None:
    """A decision without a proof, however it comes about, opens nothing and is not accepted."""

    def scenario(stand: Stand) -> None:
        stand.resolvers["platform"] = Believing()
        report = stand.show(b"LIB-98765432109876")
        assert (report.reason, report.accepted) == (Reason.ACCEPTED, False)
        assert not stand.barrier.opened

    play(scenario)
