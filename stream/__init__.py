"""Shoal keeps every customer of a shop in the right segments, from its event stream.

A deterministic core (`clock` up to `engine`) decides; two shells drive it: Faust on Kafka, and
the offline replay. Imports go down only, see the contracts in pyproject.toml.
"""

__version__ = "0.1.0"
