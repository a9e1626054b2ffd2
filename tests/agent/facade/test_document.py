"""The page that business programmers read is made from the tables that the code runs on."""

from agent.facade.document import NEEDS, document
from agent.facade.functions import FUNCTIONS
from tests import product


def test_the_page_of_the_interface_is_generated() -> None:
    page = (product.ROOT / "docs" / "sscard.md").read_text(encoding="utf-8")
    assert page == document(), "run: python -m agent.facade.document > docs/sscard.md"


def test_every_capability_that_a_function_needs_is_explained() -> None:
    assert {function.needs for function in FUNCTIONS.values() if function.needs} == set(NEEDS)
