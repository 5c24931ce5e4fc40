"""What is written at the doors when all is well, and what is put in to damage it."""

from __future__ import annotations

NETWORKS = (
    "INPUT 1x8x8 -> [CONV 4 3x3 same -> BN -> RELU]*2 -> MAXPOOL 2 -> FC 10",
    "INPUT 2x6x5 -> { CONV 3 1x1 -> BN epsilon=1e-3 | PASS } both: CONCAT -> DROPOUT 0.1 -> FC 3",
    "INPUT 2x6x5 -> { FC 3 } AUX 0.3 -> FC 4 -> CROSSENTROPY smoothing=0.1",
    "INPUT 1x9x9 -> C1: CONV 4 3x2 pad=0+1x2+3 -> TANH; { @tanh1 | @C1 } MUL -> FC 4 -> SOFTMAX",
)
WORDS = (
    *("->", " -> ", ";", "|", "[", "]", "{", "}", "*", "*3", "@", "@conv1", ":", "=", '"', "#"),
    *("CONV 4 3x3", "RELU", "FC 10", "ADD", "AUX", "AUX 1e400", "PASS", "INPUT 5", "MAXPOOL 2"),
    *("x", "+", "-", "1e400", "999999999999999999", "-1", "0", "pad=", "stride=0", "same", "\0"),
)

CONFIG_WORDS = (
    *("&a ", "*a", "<<: ", "!!binary ", "!!timestamp ", "!!set ", "!!int ", "!!python/name:os.x "),
    *(
        "2001-99-99",
        "2001-01-01",
        ".inf",
        ".nan",
        "0x",
        "1e999",
        "[",
        "]",
        "{",
        "}",
        "- ",
        "? ",
        ": ",
    ),
    *(
        "\n",
        "\t",
        "|",
        ">",
        "'",
        '"',
        "#",
        "---\n",
        "null",
        "9" * 400,
        "yes",
        "%YAML 9\n",
        "\\ud800",
    ),
)

QUESTIONS = (
    *(
        "conv1[0,1,2]",
        "conv2.weight[0,1,2,2].grad",
        "fc1[3]",
        "probability[7]",
        "loss",
        "bn1[1,2,2]",
    ),
    *("input[0,5,5].grad", "conv1.bias[3]", "pool1[0,1,1].grad", "loss.grad"),
)
QUESTION_WORDS = (
    "[",
    "]",
    ",",
    ".",
    "grad",
    "weight",
    "-1",
    "9" * 30,
    "1e9",
    "conv9",
    " ",
    "\0",
    "é",
)

VERBS: tuple[tuple[str, ...], ...] = (
    ("show", NETWORKS[0]),
    ("show", NETWORKS[2], "--json"),
    ("networks", "lenet5"),
    ("export", NETWORKS[1], "--to", "json"),
    ("export", NETWORKS[3], "--to", "notation", "--json"),
    ("verify", "INPUT 1x4x4 -> CONV 2 3x3 -> FC 2", "--seed", "3"),
    ("predict", "MODEL", "digits#3", "--top", "2"),
    ("why", "MODEL", "digits#3", "conv1[0,1,2]", "--target", "3"),
    ("bench", "INPUT 1x8x8 -> FC 10", "--steps", "1", "--batch", "1", "--threads", "1"),
    ("train", "INPUT 1x8x8 -> FC 10", "--data", "nowhere", "--epochs", "1", "--lr", "0.1"),
    ("train", "INPUT 1x8x8 -> FC 10", "--config", "CONFIG", "--run", "/dev/null/run", "seed=4"),
    ("evaluate", "MODEL", "--data", "nowhere", "--split", "test"),
    ("svm", "MODEL", "-o", "/nowhere/svm.safetensors", "--penalty", "1"),
)
ARGUMENTS = (
    *(
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "1e400",
        "nan",
        "inf",
        "-inf",
        "9" * 30,
        "9" * 5000,
        "1e308",
        "0.5",
    ),
    *(
        "\x1b[31m",
        "\u202e",
        "\udcff",
        "é",
        "x" * 5000,
        "a=b",
        "=",
        "[",
        "{",
        "->",
        "~nobodyhere",
        "/",
        ".",
    ),
    *(
        "/dev/zero",
        "/dev/null",
        "..",
        "--json",
        "--help",
        "none",
        "true",
        "digits#99999999999",
        "digits#-1",
    ),
    *("nowhere.safetensors", "nowhere.net", "[red]", ":smile:", "%s", "{0}", "\n", "digits#0"),
)
