"""Networks as text.

    INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 1024 -> RELU -> FC 10

    INPUT 3x224x224                   channels x height x width (1x100 is a signal, 13 a flat input)
    CONV 64 3x3 same stride=2         settings in order, then by name; ceil alone is a yes
    valid | same | full | pad=2 | pad=2x1 | pad=0+1x2+3     the last: before + after, axis by axis
    RESIZE 2 bilinear | RESIZE 14x14  a factor; or a size for each spatial axis
    RESHAPE 2x-1x0x0                  -1 takes what is left; 0, first or last, keeps an axis
    INPUT 20 tokens                   20 steps of token numbers, which an EMBEDDING looks up
    ATTENTION 4 heads causal          a word for a graph: attention1.query, .scores, .weights …
    ATTENTION keys=A values=B mask=C  from other nodes; or { A | B | C } ATTENTION, queries first
    A -> B                            in series; → and line breaks do as well, case does not matter
    [ A -> B ]*3                      repeated; names in it get _2, _3 in later copies
    { A -> B | C | PASS } CONCAT      branches from one value, then a merge: CONCAT, ADD, MUL
    { A -> B } AUX 0.3                a side exit whose loss counts 0.3; goes on from before it
    C3: CONV 16 5x5                   a name; other nodes are called conv1, relu1, pool1 …
    { @C3 | PASS } ADD                @ starts a chain or a branch from an earlier node
    A -> B; @B -> C                   several chains; the end of the last one is the output
    # to the end of the line          a comment

FLATTEN is put where FC needs it. Without a word of padding there is none. The shorthand of
cs231n's VGG table is read as it is meant there: CONV3-64 is CONV 64 3x3 same, POOL2 is MAXPOOL 2,
FC-4096 is FC 4096. The pattern [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC stands for
many networks; a text is one of them, with numbers for N, M and K.
"""

from __future__ import annotations

from striate.notation.pages import OperatorPage, page
from striate.notation.parsing import parse, parse_operator
from striate.notation.printing import text
from striate.notation.writing import Listed, operator_text, operators

__all__ = [
    "Listed",
    "OperatorPage",
    "operator_text",
    "operators",
    "page",
    "parse",
    "parse_operator",
    "text",
]
