"""Many batches at once: the reader of the server, in numpy (`milepost-schemas[bulk]`).

`decode_batches` reads what `milepost_schemas.batch.decode_batch` reads, all messages in step: each
operation is one of arrays that hold a place for every message. What it can not read, that reader
judges, who is also its oracle in the tests.
"""

from milepost_schemas.bulk.decode import Batches, count_fixes, decode_batches
from milepost_schemas.bulk.rows import MISSING, FixRows

__all__ = ["MISSING", "Batches", "FixRows", "count_fixes", "decode_batches"]
