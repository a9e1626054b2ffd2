"""The proofs of `onecard prove`: a module each, with `run(arguments) -> figures`."""
