"""The unit in the van.

The data's way: `receiver` reads bytes, `sentence` finds and reads what is whole in them, `epoch`
joins the sentences of one instant into a fix, `buffer` commits it to the disk, `uplink` delivers
it. `unit` is the loop that carries it from one to the next; `config`, `clock`, `health` and `cli`
stand around it.
"""

from datetime import date

__version__ = "0.1.0"

# The day of the release: a receiver's date before it, less some slack, is wrong (see `dating`). It
# moves together with the version, and never back.
BUILD_DAY = date(2026, 11, 21)
