"""Boots of public captures, told sentence by sentence: one table makes `docs/stories.md` and its tests."""
