"""The made-up city's services: what the platform asks on behalf of its terminals."""
