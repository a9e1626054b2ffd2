"""SM2 by the chosen backend, by its second and by plain Python, turn by turn in one run."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.measure import alternate, median
from benchmarks.pure_sm2 import PureSm2
from trust.gmssl import Gmssl
from trust.libcrypto import Libcrypto
from trust.sm2 import EXAMPLE_PRIVATE, EXAMPLE_PUBLIC, Sm2, StrictSm2

GOALS = {"second_verify_ratio_min": 1.0, "second_sign_ratio_min": 1.0}
# As long as what a transit code's issuer signs (spec transit-qr.md: [3 .. 198+L), L = 32).
MESSAGE = bytes(227)


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Medians in milliseconds; `*_ratio` = that backend's time by the chosen one's.

    `--rounds N` (default 200). `holds`: the chosen backend verifies and signs no slower
    than the second. Plain Python is there for scale and has no goal.
    """
    parser = argparse.ArgumentParser(prog="onecard bench sm2")
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args(arguments).rounds
    times = {name: median(samples) for name, samples in alternate(_functions(), rounds).items()}
    figures: dict[str, float] = {name: round(ms, 4) for name, ms in times.items()}
    for other in ("second", "pure"):
        for act in ("verify", "sign"):
            ratio = times[f"{other}_{act}"] / times[f"chosen_{act}"]
            figures[f"{other}_{act}_ratio"] = round(ratio, 2)
    holds = all(figures[goal.removesuffix("_min")] >= least for goal, least in GOALS.items())
    return {
        "name": "sm2",
        "rounds": rounds,
        "chosen": "libcrypto",
        "second": "gmssl-pyx",
        **figures,
        "goals": GOALS,
        "holds": holds,
    }


def _functions() -> Mapping[str, Callable[[], None]]:
    backends = {
        "chosen": StrictSm2(Libcrypto()),
        "second": StrictSm2(Gmssl()),
        "pure": StrictSm2(PureSm2(lambda: os.urandom(32))),
    }
    chosen = backends["chosen"]
    compressed = bytes((2 | EXAMPLE_PUBLIC[-1] & 1,)) + EXAMPLE_PUBLIC[:32]
    signature = chosen.sign(EXAMPLE_PRIVATE, MESSAGE)
    functions: dict[str, Callable[[], None]] = {
        "decompress": lambda: _require(chosen.decompress(compressed) == EXAMPLE_PUBLIC),
        "public": lambda: _require(chosen.public(EXAMPLE_PRIVATE) == EXAMPLE_PUBLIC),
    }
    for name, backend in backends.items():
        functions[f"{name}_verify"] = _verify(backend, signature)
        functions[f"{name}_sign"] = _sign(backend)
    return functions


def _verify(backend: Sm2, signature: bytes) -> Callable[[], None]:
    return lambda: _require(backend.verify(EXAMPLE_PUBLIC, MESSAGE, signature))


def _sign(backend: Sm2) -> Callable[[], None]:
    return lambda: _require(len(backend.sign(EXAMPLE_PRIVATE, MESSAGE)) == 64)


def _require(right: bool) -> None:
    if not right:
        raise AssertionError("a backend gave a wrong result: its time means nothing")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
