"""What segments would have done over a history: an observer that is fed changes, and its figures.

The arithmetic behind `shoal segments backtest`, `preview` and `diff`: sizes and flows per day, time
spent, flapping, overlaps, coverage, the difference of two versions of the definitions. It takes
changes and reads no files; it keeps what is bounded by customers and days, never by changes.
"""
