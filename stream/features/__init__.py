"""A row as named features with units: the vocabulary that segments are written in.

One family a file. A feature says what it reads, its unit and its code; nothing here decides.
"""
