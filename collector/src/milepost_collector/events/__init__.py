"""The engine for people: over recorded files without a server, and again over what is stored.

`trial` runs it over drives, `history` over the stored fixes of a device, `difference` says what
events have changed and `revision` makes events of that; `telling` writes them for people and
machines, `command` is what people call.
"""
