"""What stands on the made-up parts: demos, proofs, conformance tests and malice."""
