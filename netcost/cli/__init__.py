"""The command line: parse, one library call, one door out, an exit code. Nobody imports this.

One file per command group; `options` holds what several commands share, `output` writes any result in any format.

What belongs here: a command, as one function registered in `app`. It then has help, a place in README and a golden
file, or a test says what is missing.
"""
