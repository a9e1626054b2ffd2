"""Looks at every part of a terminal and says what is wrong, and what to do, in words.

One module for each part. `config check` and `suggest` are here too, and import no more of it than
they need.
"""
