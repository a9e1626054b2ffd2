"""Nobody holds more lines than he may, and what is left is free again."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.lines import HeldLine, Lines
from world.real import RealWorld

EACH, IN_ALL = 3, 5


class Holding(RuleBasedStateMachine):
    """Users take lines and leave them, twice sometimes."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = Lines(RealWorld(), each=EACH, in_all=IN_ALL)
        self.held: list[tuple[int | None, HeldLine]] = []
        self.left: list[HeldLine] = []

    @rule(uid=st.sampled_from([None, 0, 1000, 1001]))
    def take(self, uid: int | None) -> None:
        mine = sum(owner == uid for owner, _ in self.held)
        line = self.lines.take(uid)
        assert (line is not None) == (mine < EACH and len(self.held) < IN_ALL)
        if line is not None:
            self.held.append((uid, line))

    @rule(at=st.integers(0, IN_ALL))
    def leave(self, at: int) -> None:
        if at < len(self.held):
            _, line = self.held.pop(at)
            line.leave()
            self.left.append(line)

    @rule()
    def leave_again(self) -> None:
        if self.left:
            self.left[-1].leave()

    @invariant()
    def as_many_are_held_as_were_not_left(self) -> None:
        assert self.lines.held == len(self.held)


TestHolding = Holding.TestCase
