"""Verdicts: of comparisons, guidelines, checks, claims and recounts. A word that several of them use has one entry."""

from netcost.text.explanations.explanation import SHUFFLENET_V2, Explanation

VERDICTS = (
    Explanation(
        "verdict",
        "Verdict",
        "What may be concluded. It follows from figures and intervals by a fixed rule, never from a median alone.",
        see_also=("faster", "slower", "cannot_tell", "holds", "fails"),
    ),
    Explanation(
        "faster",
        "faster",
        "The network takes less time than the one it is compared with. The whole 95 % interval of the ratio lies below "
        "0.99; between two runs, below 0.95.",
        see_also=("ratio", "interval", "slower"),
    ),
    Explanation(
        "slower",
        "slower",
        "It takes more time than the other. The whole 95 % interval of the ratio lies above 1.01; between two runs, "
        "above 1.05. In a guideline the same is said of one variant against the one before.",
        see_also=("ratio", "interval", "faster"),
    ),
    Explanation(
        "not_slower",
        "not slower",
        "The variant that a guideline calls slower is not. The whole 95 % interval of the ratio lies below 1.01.",
        see_also=("slower", "does_not_hold"),
    ),
    Explanation(
        "open",
        "open",
        "The interval reaches across 1.01, or there is none, so that this step of a guideline cannot be decided.",
        see_also=("cannot_tell",),
    ),
    Explanation(
        "cannot_tell",
        "cannot tell",
        "The measurement does not decide. The 95 % interval reaches across the threshold, there were too few rounds, "
        "or the two sides must not be compared (another batch, setting or machine; a run that drifted). It does not "
        "mean that the two are equal.",
        advice="Measure longer (--budget, --precision), quiet the machine, and time both in one run. In `netcost "
        "check` it passes with a warning.",
        see_also=("interval", "too_few_rounds", "wide_spread", "other_load"),
    ),
    Explanation(
        "holds",
        "holds",
        "The statement is true of what was counted or measured. A guideline: every step of its order is slower. A "
        "check: the figure keeps its rule. A claim: every figure agrees, to the digits that were published.",
        see_also=("does_not_hold", "fails", "cannot_tell"),
    ),
    Explanation(
        "does_not_hold",
        "does not hold",
        "The guideline is not true on this device in this setting. At least one step of its order is not slower.",
        advice="Do not design for this guideline on this device; look at which step it was.",
        source=f"{SHUFFLENET_V2}, section 2, for the guidelines; the rule is netcost's",
        see_also=("holds", "not_slower"),
    ),
    Explanation(
        "fails",
        "FAILS",
        "A check: the figure breaks its rule, and the exit code is 1. A claim: no figure agrees with what was "
        "published. A latency rule fails only if two measurements say so.",
        advice="Where the increase is meant, record it with `netcost baseline update` or change the budget.",
        see_also=("holds", "tolerated", "partly"),
    ),
    Explanation("same", "same", "The figure is what it was."),
    Explanation(
        "less",
        "less",
        "The figure is lower than before, which passes.",
        advice="Record the gain with `netcost baseline update`, so that it is guarded too.",
    ),
    Explanation(
        "tolerated", "tolerated", "The figure grew, but within the tolerance of the settings.", see_also=("fails",)
    ),
    Explanation(
        "not_guarded",
        "not guarded",
        "The figure changed, and no rule limits it.",
        advice="Add a tolerance or a budget to [tool.netcost] where it matters.",
    ),
    Explanation("partly", "partly", "Some figures of the claim agree, and some do not.", see_also=("holds", "fails")),
    Explanation("not_stated", "not stated", "The source gives layers and no figure. Ours is the first."),
    Explanation(
        "not_measured",
        "not measured",
        "The claim is about speed, and nothing was timed.",
        advice="Name a device: `netcost claims ID --device cpu`.",
    ),
    Explanation("not_a_cost", "not a cost", "The claim is not about a cost: no layer decides it."),
    Explanation(
        "agreement",
        "Agreement",
        "How a count of the zoo stands to the published figures. They agree within 2 %, because printed figures are "
        "rounded.",
        see_also=("agrees", "explained", "disagrees"),
    ),
    Explanation("agrees", "agrees", "The computed figure is the published one, as far as that was printed."),
    Explanation("unpublished", "nothing published", "The paper prints no such figure."),
    Explanation(
        "explained",
        "differs, explained",
        "The layers give another figure than the paper, and the reason is known.",
        advice="Read it with `netcost list --why`.",
    ),
    Explanation(
        "disagrees",
        "DISAGREES",
        "The layers give another figure than the paper, and no reason is stated. The exit code is 1.",
        advice="Compare the layers with the paper; state the reason in the zoo or correct the layers.",
    ),
    Explanation(
        "changed", "changed", "The module is there before and now, and costs another amount.", see_also=("change",)
    ),
    Explanation("added", "added", "The module was not there before."),
    Explanation("removed", "removed", "The module is no longer there."),
)
