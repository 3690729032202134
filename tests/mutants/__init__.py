"""Servers with one fault each: the proof that the judge convicts the guilty, and nobody else."""
