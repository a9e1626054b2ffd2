"""One tap from the presence to its record: identify, check, decide, store, act."""
