"""Sixin (私信): private messages for your product, exactly once and in order."""

__version__ = "0.1.0"
