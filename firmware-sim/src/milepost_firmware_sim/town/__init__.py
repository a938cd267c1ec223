"""A town that a seed draws, its addresses, and the ways through it."""
