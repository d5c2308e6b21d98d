"""Pure: what an environment's hosts and volumes carry, against what its traffic needs.

`limits` has every figure with its margin, `check` turns a lack into a line for a preview, `options` sizes the
same load on each class of storage, `bill` adds up what it costs a month.
"""
