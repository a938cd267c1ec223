"""The buffer of the unit: fixes on disk, or in memory while there is no disk.

- `buffer` is what the unit sees: disk or memory.
- `disk` is the place of the files, `connection` how SQLite is set up, `file` streams over one
  connection, `transaction` one commit, `loading` how the streams stand when a file is opened.
- `room` and `thinning` decide what goes when it is full.
- `row` is what stands in a row, `reading` reads rows with distrust.
- `pages`, `image` and `check` read SQLite's pages without SQLite; `salvage` saves rows so.
"""

from milepost_agent.buffer.buffer import IN_MEMORY, Buffer, BufferHealth
from milepost_agent.buffer.trouble import BufferFileError, BufferState, StreamGoneError

__all__ = [
    "IN_MEMORY",
    "Buffer",
    "BufferFileError",
    "BufferHealth",
    "BufferState",
    "StreamGoneError",
]
