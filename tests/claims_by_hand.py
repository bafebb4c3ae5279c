"""Where the code and the figures found by hand part, each with the reason."""

OTHER_VERDICTS: dict[str, tuple[str, str]] = {}
"""The verdict found here where it is not the one found by hand, and why; by number of the statement."""

NOT_REPEATED: dict[str, tuple[set[str], str]] = {}
"""Numbers of the computed column that no claim shows, and why: by number of the statement."""

WITHOUT_A_MODULE: set[str] = set()
"""Claims on a formula, a permutation or printed figures alone, which no structure can perturb."""
