"""What a user can do: one file per noun. A change becomes a command for the writer; a read asks cache, then store."""
