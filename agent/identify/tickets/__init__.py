"""Tickets and reservations of our own (线上预约, 线下入场), verified offline.

The format is described in docs/ticket-codes.md.
"""
