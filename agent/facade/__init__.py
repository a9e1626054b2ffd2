"""The national reader interface (iReadCardBas …): what counters already call, answered by onecard.

A call comes in by the Unix socket (`libsscard`), HTTP or WebSocket, leases a reader, runs the
card's flow on that reader's own thread, and goes back as a `long` and a GBK text.
"""
