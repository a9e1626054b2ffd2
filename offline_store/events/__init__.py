"""The events of the journal, one struct a kind: what is written once, hashed, sent, never changed.

A part of the terminal makes an event (`Tap`, `Intent`, `Shift` …), the store gives it its place in
the chain (`row.Row`), and the row's exact JSON text is what is hashed and sent (`row.Record`). The
schemas for the platform are made from these structs; `version_1` reads rows of before.
"""
