"""The security modules in their slots, and who may use one when."""
