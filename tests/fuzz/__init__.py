"""Fuzzing: whatever strangers may send is thrown at what reads it first."""
