"""Sequences of tokens, and places in a sequence."""
