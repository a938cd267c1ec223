"""Delivery days: vans that make their rounds by plan, with traffic, and with what goes wrong."""
