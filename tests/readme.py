"""README's commands, as a newcomer would copy them."""

import re

from tests import product

README = product.ROOT / "README.md"
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


def commands(section: str) -> list[str]:
    """The lines of the shell blocks below that heading, without comments and empty lines."""
    blocks = FENCE.findall(_sections()[section])
    lines = [re.sub(r"\s+#.*$", "", line).strip() for block in blocks for line in block.split("\n")]
    return [line for line in lines if line and not line.startswith("#")]


def sections() -> list[str]:
    """All headings, in order."""
    return list(_sections())


def _sections() -> dict[str, str]:
    _, *parts = HEADING.split(README.read_text(encoding="utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))
