"""The library gate."""
