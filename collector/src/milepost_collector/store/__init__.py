"""Everything that speaks to the database; the only part that imports psycopg.

`migrations/` is the only description of the database. `connection` and `pool` open it, `migrate`
brings it up to date. `locked` and `writes` are the transaction that takes batches, `feed` numbers
and reads events, `definitions` keeps the fences, `vehicles` answers the map, `audit` proves what
was promised, and `export` writes fixes out.
"""
