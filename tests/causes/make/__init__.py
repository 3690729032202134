"""Makes the captures of `tests/data/causes`: real firmware, clients and servers on a wire with a planned fault.

    python -m tests.causes.make [NAME...] [--jobs N] [--list]

Everything runs in network namespaces of its own. What the wire does wrong are rules of nftables on its bridge.
"""
