"""`onecard prove tear`: cards and PSAMs pulled out before, during and after every APDU.

Taps in both modes, PIN and write functions, on a real pcscd through the product's `Taps` and desk.
"""

from proving.proofs.tear.proof import run

__all__ = ["run"]
