"""Where a vehicle is: sentences of a satellite receiver come in, places come out."""
