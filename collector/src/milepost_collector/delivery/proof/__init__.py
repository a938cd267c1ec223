"""Proofs of delivery: what the phone tells, and the links of the record that shows tampering.

`proof` holds the words, `reading` takes what a phone sends, `drawing` draws signatures, `linking`
turns a proof into links of a chain. Pure: no I/O, no clock, no pictures decoded.
"""
