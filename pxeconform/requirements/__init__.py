"""The catalogue of requirements, their rules, and the one engine that judges a trace by them. No input or output."""
