"""A drive: where it goes, how a van moves along it, and the files that are written of it."""
