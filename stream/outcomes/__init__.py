"""Whether segments pay: who is treated, what came of it, and how sure that is.

Control groups and variants by hash, exposures and conversions, intervals that hold at every look,
who is served well, and which demand was missed. Fed with events and changes in the order of time;
bounded, and the same for the same input. Nothing here decides a membership or does I/O.
"""
