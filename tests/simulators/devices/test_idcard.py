"""The hand at a simulated ID-card module is as slow as a hand."""

from drivers.idcard.frames import frame
from simulators.devices.idcard import STEPS, SamVModule, document_of
from simulators.people import load_cast

FIND = frame(next(code for code, step in STEPS.items() if step == "find"))


def test_a_document_is_missed_when_whoever_asks_was_told_that_none_lies_there() -> None:
    module = SamVModule()
    assert module.wait_missed(0.0), "nothing was lifted yet"
    module.lay(document_of(next(iter(load_cast().people))))
    module.lift()
    assert not module.wait_missed(0.0)
    module.received(FIND, lambda answer: None)
    assert not module.wait_missed(0.0), "the answer may still be under way"
    module.received(FIND, lambda answer: None)
    assert module.wait_missed(0.0)
