"""PN532 on a serial line: frames → chip → reader, behind the same contract as PC/SC."""
