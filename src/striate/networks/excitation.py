"""Squeeze and excitation: what each map is worth, from the means of all maps.

Source: Hu, Shen and Sun, Squeeze-and-Excitation Networks, CVPR 2018, arXiv:1709.01507, figure 2.
"""

from __future__ import annotations


def excitation(
    channels: int, squeezed: int, activation: str = "RELU", gate: str = "SIGMOID"
) -> str:
    """Each map times a number between 0 and 1 that follows from the means of all maps."""
    weights = f"CONV {squeezed} 1x1 -> {activation} -> CONV {channels} 1x1 -> {gate}"
    return f"{{ PASS | GLOBALAVGPOOL -> {weights} }} MUL"
