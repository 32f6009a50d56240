"""Telling devices what was committed: encoding once, writing once per connection and batch."""
