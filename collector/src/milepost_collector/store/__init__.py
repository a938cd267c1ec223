"""Everything that speaks to the database; the only part that imports psycopg.

`migrations/` is the only description of the database. `connection` opens it, `migrate` brings it
up to date, `intake` is the transaction that takes batches, `feed` numbers and reads events,
`definitions` keeps the fences, `vehicles` answers the map, `audit` proves what was promised and
`export` writes fixes out.
"""
