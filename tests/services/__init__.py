"""The real PostgreSQL, NATS and Chromium that tests run against: found, installed, started, killed."""
