"""The agent's own HTTP server: the cashier's page and the local API /v1. `ScreenServer` is what the agent opens and runs."""
