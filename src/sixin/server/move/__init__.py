"""Moving a whole deployment from one engine to another: every row, with its ids, versions and cursors."""
