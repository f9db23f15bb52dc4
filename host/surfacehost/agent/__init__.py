"""The way to the agent: the wire contract, the sessions over WebSocket, and what their failures mean."""
