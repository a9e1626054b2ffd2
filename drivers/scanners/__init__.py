"""Scan modules: what a person shows comes out as raw bytes, whatever way the module is attached.

`serial` (ports, CDC, serial servers), `hid_pos` (USB), `keyboard` (evdev); `framing` cuts the
stream into codes, `triggers` are the tables of modules that scan on command.
"""
