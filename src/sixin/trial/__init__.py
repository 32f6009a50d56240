"""The trial of a deployment: throw-away users, bad links between them and the server, and the checker's verdict."""
