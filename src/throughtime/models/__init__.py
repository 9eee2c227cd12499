"""Models that run.

columns, model, saving      scaling and limits; wiring, weights and what a file says of them; files
ensemble                    the value that runs: members, columns and wiring, led by what was measured, or free
rollout, forecasts, each    its ways: along a record, from many places of one, over many sequences
stream                      one step at a time
hearing, members            what networks hear, and how several run side by side
"""
