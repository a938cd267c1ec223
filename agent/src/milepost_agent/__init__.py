"""The unit in the van.

The data's way: `receiver` reads bytes, `sentence` finds and reads what is whole in them, `epoch`
joins the sentences of one instant into a fix, `buffer` commits it to the disk, `uplink` delivers
it. `unit` is the loop that carries it from one to the next; `config`, `clock`, `health` and `cli`
stand around it.
"""

__version__ = "0.1.0"
