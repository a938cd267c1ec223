"""Plans and orders: how they stand, what was in force when, and the record of every change.

Whoever changes anything here takes `locking.lock_plans` first: one at a time, so nothing here can
deadlock, and `effective_at` of versions only grows. What is personal lies in `personal` alone.
"""
