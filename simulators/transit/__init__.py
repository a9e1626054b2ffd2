"""The made-up city's transit: purse keys, passengers, codes on their phones."""
