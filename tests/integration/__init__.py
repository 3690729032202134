"""Parts of the tester put together."""
