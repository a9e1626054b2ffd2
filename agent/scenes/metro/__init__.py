"""The metro's gates."""
