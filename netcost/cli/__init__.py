"""The command line: parse, one library call, one door out, an exit code. Nobody imports this.

One file per command group; `options` holds what several commands share, `output` writes any result in any format. A
new command is one function here, registered in `app`; it then has help, a place in README and a golden file, or a
test says what is missing.
"""
