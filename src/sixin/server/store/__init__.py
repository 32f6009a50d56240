"""The store: one write path over exchangeable engines."""
