"""The systems a user would pick instead: configured as their own guides say for production, under the same work."""
