"""Every cause that `analyze` may give, in a capture that real programs made, beside near misses without it."""
