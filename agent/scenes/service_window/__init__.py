"""The service window."""
