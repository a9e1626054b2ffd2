"""From a camera's frame to the bytes of the codes in it.

frame → gray → zxing-cpp (fast pass) → nothing read: where could a code be? (`locate`) → that
part, made ready in one way after another (`steps`), through zxing-cpp again, within a budget →
at most pyzbar as a second opinion. It decides nothing about a content and keeps none.
"""

from drivers.eye.eye import Eye, Sighting, Symbology

__all__ = ["Eye", "Sighting", "Symbology"]
