"""ID-card readers: bytes of a SAM_V module in, undecoded documents out."""
