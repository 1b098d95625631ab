"""How long a customer stays: P(alive), the expected next order, CLV, cadence.

Lives here: the probability models, from per-customer sufficient statistics and announced
population parameters, and the gates below which they stay silent.
Never here: reading rows, learning from single events, deciding on segments.
"""
