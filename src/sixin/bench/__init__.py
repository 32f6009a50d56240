"""The load generator: what `sixin bench` is made of. It knows the wire and the rules, and nothing of the server."""
