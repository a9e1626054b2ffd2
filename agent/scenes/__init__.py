"""Scenes: what a terminal is for. A scene looks (in the store's turn) and decides (purely)."""
