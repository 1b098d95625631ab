"""The live shell: Faust's group membership around the pure engine.

Here live the worker's I/O and its wiring: fetching whole batches, one transaction a batch, the
restore, the time-keeper, metrics and health. It decides nothing about customers: that is the
engine's. Only this room imports Faust, and only `faust_private.py` and `aiokafka_private.py` reach
below the surface of what they are named after.
"""
