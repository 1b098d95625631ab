"""The customer's row: fold, merge, dedupe, and the versioned codec.

One typed row per customer, changed only here and only by its partition's engine. What a row means
(features, segments) is decided above; time comes in with the event.
"""
