"""Models that run.

columns, model, saving      scaling and limits; wiring, weights and what a file says of them; files
ensemble                    the value that runs: members, columns and wiring, led by what was measured, or free
rollout, forecasts, each    its ways: along a record, from many places of one, over many sequences
stream, stepping, states    one step at a time: the value that does it, who computes, what is remembered
hearing, members            what networks hear, and how several run side by side
"""
