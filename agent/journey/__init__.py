"""Where a vehicle is: driver, line, direction, stop, shift."""
