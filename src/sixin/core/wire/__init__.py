"""What stands on the wire: bodies, frames, their codec, and one connection as a state machine."""
