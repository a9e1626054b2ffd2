"""Made-up parts: cards, readers, devices, cities, and whole terminals with a city around them."""
