"""The four guidelines of ShuffleNet V2 as controlled experiments, judged on the device at hand.

One file a guideline (`g1` to `g4`) builds variants at equal mult-adds, with the paper's speeds beside them. `variant`
says what they cost by formula and by count, `grid` in which settings they are timed, `judging` when a guideline holds.
`running` tries them all and keeps what is finished; `networks` asks the same of whole networks.
"""
