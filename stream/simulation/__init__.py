"""A shop, a clock and a log in memory, all from one seed.

Here live the simulated shop whose customers' true kinds are known, the faults that its stream can
have, and the shell that folds a log offline. What is decided on an event never lives here, nor
does anything that reads the machine's clock or its randomness: a seed gives the same bytes.
"""
