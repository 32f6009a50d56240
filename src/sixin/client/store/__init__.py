"""One person's copy on one device: a local store over exchangeable engines."""
