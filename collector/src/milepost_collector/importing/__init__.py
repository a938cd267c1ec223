"""Recorded drives into the database: files to streams of fixes, by the way that live batches take.

`drives` makes streams of a file's bytes, `feeding` hands them to the intake batch by batch,
`command` is what people call.
"""
