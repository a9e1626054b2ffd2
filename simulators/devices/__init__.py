"""Devices behind real operating-system interfaces: pty, in-memory USB, HTTP, event files."""
