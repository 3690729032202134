"""Lenses: how one firmware takes a packet, whatever the documents say of it."""
