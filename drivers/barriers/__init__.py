"""Gates and relays: an order to open goes out as bytes, what sensors saw comes back as events."""
