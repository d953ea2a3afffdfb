"""The one place that knows every other: builds the gateway, and the desk that commands work at, from settings."""
