"""The command `shoal`: one file per command, found by its name.

A command file has `add_parser(subparsers)` and `run(args) -> int`, the exit code: 0 done
and all is well; 1 it found something wrong, or did not get there; 2 it was called wrongly, or given
what cannot be used.
Lives here: arguments, words on the terminal, the wiring of rooms below.
Never here: anything that another program would want to import.
"""
