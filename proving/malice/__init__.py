"""Malicious cards: a good card's conversation as a script, and lies at any of its APDUs.

Fast on purpose, because `onecard prove fuzz` plays them by the million: nothing is computed while a
flow runs, neither by the card nor by the key server (`proving.malice.keys`).
"""
