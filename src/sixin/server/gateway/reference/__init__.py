"""The API reference: OpenAPI for the HTTP door, AsyncAPI for the WebSocket, from the types that decode the frames."""
