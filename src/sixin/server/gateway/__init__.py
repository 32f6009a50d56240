"""The doors: WebSocket and HTTP on one port, one dispatch behind both."""
