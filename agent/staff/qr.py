"""A code that a terminal shows: text → QR modules → half blocks for consoles, SVG for screens.

The one place that knows the library `qrcode`; no picture files, so nothing to draw them with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

QUIET: Final = 4  # modules of quiet zone on each side (ISO/IEC 18004, 6.3.8)

# Two modules in one character. What is printed is light: consoles are dark more often than not, and
# readers take a code on a dark console only when its light modules are the lit ones.
HALVES: Final = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}

Modules = Sequence[Sequence[bool]]  # rows, top first; True is dark; the quiet zone is among them


@dataclass(frozen=True)
class DrawnCode:
    """A code, drawn. A person who sees it can read it, so it shows in no log."""

    text: str = field(repr=False)  # half blocks, a line per two rows, for a dark console
    svg: str = field(repr=False)


def draw(content: str) -> DrawnCode:
    """Raises nothing for what the contract allows (512 characters)."""
    modules = _modules(content)
    return DrawnCode(text="\n".join(half_blocks(modules)), svg=svg(modules))


def half_blocks(modules: Modules) -> Sequence[str]:
    """A line for two rows of modules; an odd last row is followed by a light one."""
    light = [False] * len(modules[0])
    rows = [*modules, light] if len(modules) % 2 else modules
    return [
        "".join(HALVES[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]


def svg(modules: Modules) -> str:
    """One path of unit squares on white; it scales to whatever place it is given."""
    size = len(modules)
    path = "".join(
        f"M{x},{y}h1v1h-1z" for y, row in enumerate(modules) for x, dark in enumerate(row) if dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"'
        f' shape-rendering="crispEdges"><path fill="#fff" d="M0,0h{size}v{size}h-{size}z"/>'
        f'<path d="{path}"/></svg>'
    )


def _modules(content: str) -> Modules:
    import qrcode  # 6 MB: only on terminals that show codes
    from qrcode.constants import ERROR_CORRECT_M

    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET)
    code.add_data(content)
    code.make(fit=True)
    matrix: Modules = code.get_matrix()
    return matrix
