"""Where the code and the figures found by hand part, each with the reason."""

OTHER_VERDICTS: dict[str, tuple[str, str]] = {
    "B48": ("not a cost", "an order of errors: partly right, and not a matter of layers"),
    "B49": ("not a cost", "an order of precisions: partly right, and not a matter of layers"),
    "D10": ("not a cost", "the products are right, and learning rates are no cost"),
}
"""The verdict found here where it is not the one found by hand, and why; by number of the statement."""

NOT_REPEATED: dict[str, tuple[set[str], str]] = {
    "B48": (
        set("300 27.4 28.0 28.5 29.4 40 39.7 43.4 43.2 44.9 500 25.1 25.3 26.7 26.3 27.6".split()),
        "errors that others measured",
    ),
    "B49": (set("140 29.0 27.0 24.4 300 31.8 31.3 29.9 30.0".split()), "precisions that others measured"),
    "M23": ({"13188.64"}, "others' count, which adds poolings and additions to the 13,155.8M of the layers"),
    "D10": ({"0.0075", "0.045"}, "learning rates"),
}
"""Numbers of the computed column that no claim shows, and why: by number of the statement."""

WITHOUT_A_MODULE: set[str] = {
    "classification-order",
    "detection-order",
    "learning-rates",
    "guidelines-cpu-heading",
    "guidelines-text",
}
"""Claims on a formula, a permutation or printed figures alone, which no structure can perturb."""
