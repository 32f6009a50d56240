"""The version of this package; a module of its own, so that a server can name it without loading the client."""

__version__ = "0.1.0"
