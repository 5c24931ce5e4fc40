"""Networks as text: INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 10."""

from __future__ import annotations

from striate.notation.parsing import parse, parse_operator
from striate.notation.printing import text
from striate.notation.writing import Listed, operator_text, operators

__all__ = ["Listed", "operator_text", "operators", "parse", "parse_operator", "text"]
