"""Who of the staff is signed in, and how he signs in."""
