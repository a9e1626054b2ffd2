"""Whose card, code or document it is: what was presented goes in,
an `Identity` with its proof comes out."""
