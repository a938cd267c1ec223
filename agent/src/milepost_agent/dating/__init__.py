"""Dates of a receiver that speaks now: its word against the build's, the server's and its own."""

from milepost_agent.dating.live import Known, LiveDating

__all__ = ["Known", "LiveDating"]
