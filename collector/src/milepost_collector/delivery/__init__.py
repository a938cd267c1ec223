"""Deliveries: what plans, movement and people make of a day. Pure: no I/O, no clock."""
