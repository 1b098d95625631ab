"""Deadlines in event time: which rows want to be woken, and when.

The row's own `timer_ms` is the truth; the queue is an index over it that can be rebuilt from the
rows. Nothing here knows what a deadline is for.
"""
