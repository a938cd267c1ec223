"""Proofs of delivery at the edge: pictures, what a phone hands in, and the command.

`pictures` is the only importer of Pillow; `taking` is what an endpoint calls.
"""
