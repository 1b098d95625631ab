"""The definition language, its compiler, and the built-in pack.

A definition says when a customer is in a segment; here it becomes code that evaluates one row at
one instant and tells when time alone will next change the answer. Rows are never changed here.
"""
