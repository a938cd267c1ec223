"""Dates: which day an instant of the receiver's belongs to, and whether it can be believed.

In flows, once for each instant in the order of the line, the UTC date that the receiver says, or
None, and its UTC time of day; out flow Unix milliseconds, or a reason why there are none. Pure: no
clock is read. `LiveDating` serves a receiver that speaks now, `RecordedDating` a file.
"""

from milepost_agent.dating.dated import Dated, Dating, Undatable
from milepost_agent.dating.live import Known, LiveDating
from milepost_agent.dating.recorded import RecordedDating

__all__ = ["Dated", "Dating", "Known", "LiveDating", "RecordedDating", "Undatable"]
