"""Wise sampling: of the fixes that a receiver makes, the few from which the rest can be rebuilt."""
