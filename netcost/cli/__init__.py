"""The command line: each command parses its options, calls the library once, writes the result and returns a code.

One file per command; `options` holds the shared options, `output` writes any result in any format. No other package of
netcost imports this one.

This belongs here: a command, as one function registered in `app`. It then has help, a place in README and a golden
file, or a test says what is missing.
"""
