"""`libsscard`, the C library that business programs load, and how it is built.

Calls go from the program through `sscard.c` (frames of `agent.facade.wire`) and `transport_*.c`
(one file per system) to the daemon's socket, and come back as a `long` and a GBK text.
"""
