"""The transition: (partition state, records) -> (rows, effects).

Here records meet rows: routing, folding, timers, version activations, evaluation, and the
coordination of clock and versions, each as a pure step. No I/O, no clock, no randomness: the
shells carry out the effects.
"""
