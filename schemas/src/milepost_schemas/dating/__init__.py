"""Dates: which day an instant of a receiver's belongs to, and whether it can be believed.

In flows, once for each instant in the order of the line, the UTC date that the receiver says, or
None, and its UTC time of day; out flow Unix milliseconds, or a reason why there are none. Pure: no
clock is read. `RecordedDating` serves a file; a receiver that speaks now is the agent's.
"""

from milepost_schemas.dating.dated import Dated, Dating, Undatable
from milepost_schemas.dating.recorded import RecordedDating

__all__ = ["Dated", "Dating", "RecordedDating", "Undatable"]
