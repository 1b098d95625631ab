"""Why a customer is in or out of each segment, what would change it, and what time alone will do.

Pure functions over copies of rows: what is decided comes from the engine, never from a second
opinion.
"""
