"""Tracks that are to be played: one chosen, put in time, completed, at another rate."""
