"""Records in and out.

Here live the typed records of every topic, the decoding of what shops send into them, and the
encoding of what Shoal tells. What is decided on a record never lives here.
"""
