"""Two networks held against each other: structure, counts, and where their numbers part."""

TOLERANCE = 1e-4
"""The largest difference that rounding explains, as a share of the largest number of a node."""
