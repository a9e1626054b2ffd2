"""What a ride costs whom: signed fare list → typed rules → a pure decision that explains itself."""
