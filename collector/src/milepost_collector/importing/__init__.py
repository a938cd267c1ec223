"""Recorded drives into the database: files to streams of fixes, by the way that live batches take.

`files` reads a file's bytes, `drives` makes streams of them, `feeding` hands them to the intake
batch by batch, `command` is what people call.
"""
