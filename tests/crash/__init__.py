"""The crash proof: a real server and real clients, killed again and again, and what must be true afterwards."""
