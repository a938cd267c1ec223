"""Fixes as files for people and other programs: rows of numbers, GPX, GeoJSON.

`rows` holds every number as it travels, and reads it again; `drawn` writes what maps read. Pure.
"""
