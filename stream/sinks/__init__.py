"""The ways out of Shoal: one sink a file, each delivers changes to the world.

Lives here: webhooks and other deliveries, with their retries, signatures and dead ends.
Never here: deciding who is in a segment, reading customer rows, Faust.
"""
