"""The contract between vehicle, server and everybody who listens to them.

What flows: a `Fix` is measured; the agent numbers it (`KeptFix`), packs it into a `Batch`, sends
it to a topic; the collector answers with an `Ack` and turns fixes into an `Event`. Who may send
what next is decided by the two halves of `delivery`. Everything here is pure: bytes and numbers
in, bytes and numbers out; no clock, no socket, no file.
"""
