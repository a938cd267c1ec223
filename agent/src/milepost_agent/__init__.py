"""The unit in the van.

The data's way: `receiver` reads bytes, `nmea` makes fixes of them, `dating` gives those their
days, `sampling` says which are worth keeping (`keeping` carries it out), `buffer` commits them to
the disk, `uplink` delivers them. `unit` is the loop that carries it from one to the next at the
`pace` that it needs; `board`, `health` and `report` say how it is; `tail`, `recorded` and `export`
show it to people.
"""

from datetime import date

__version__ = "0.1.0"

# The day of the release: a receiver's date before it, less some slack, is wrong (see `dating`). It
# moves together with the version, and never back.
BUILD_DAY = date(2026, 11, 21)
