"""The social security card, its PSAM and what the city's key server says of both."""
