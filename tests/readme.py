"""The commands of README and of the pages that it leads to, as a newcomer would copy them."""

import re

from tests import product

README = product.ROOT / "README.md"
INSTALL = product.ROOT / "docs" / "install.md"
PAGES = (
    README,
    INSTALL,
    *(product.ROOT / "docs" / f"{name}.md" for name in ("devices", "service-window", "bus")),
    product.ROOT / "docs" / "simulators.md",
    product.ROOT / "docs" / "benchmarks.md",
)
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


def commands(section: str) -> list[str]:
    """The lines of the shell blocks below that heading, without comments and empty lines."""
    blocks = FENCE.findall(_sections()[section])
    lines = [re.sub(r"\s+#.*$", "", line).strip() for block in blocks for line in block.split("\n")]
    return [line for line in lines if line and not line.startswith("#")]


def sections() -> list[str]:
    """All headings of all pages, in order."""
    return list(_sections())


def texts() -> str:
    """All pages, one behind the other."""
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def _sections() -> dict[str, str]:
    _, *parts = HEADING.split(texts())
    return dict(zip(parts[::2], parts[1::2], strict=True))
