"""Which member of the staff is signed in, and how a member signs in."""
