"""Ministry of Transport codes, verified offline: bytes → fields → checks → account, or a reason."""
