"""The local API: what a running daemon tells, over its Unix socket, as JSON with a version."""
