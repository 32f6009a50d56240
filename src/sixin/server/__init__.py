"""The shared truth: one process that keeps the timelines and tells those who are connected."""
