"""Plans from files and addresses: tables, points and JSON in; plans and a report of each line out.

`table` and `points` make rows of files, `drafts` plans of rows, `files` knows which kind of file it
is, `locating` finds addresses with a `geocoder`, `importing` stores, `command` is what people type.
"""
