"""Notices: from events to what people are told, and why not. Pure: nothing here does I/O."""
