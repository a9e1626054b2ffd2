"""What stands on a counter: the PIN pad and the receipt printer."""
