"""Faults of receivers, lines and ports: one language, and what each of them does to a recording."""
