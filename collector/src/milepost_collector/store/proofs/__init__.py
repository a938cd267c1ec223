"""Proofs of delivery: a chain for each plan that only grows, and what can be erased beside it.

Whoever also changes plans in the same transaction takes `plans.locking.lock_plans` first. A proof
is read from its links, which nobody can change; what lies beside them is held against them by
`verifying`.
"""
