"""A network that is alive in the browser: its maps, its kernels, and why any number is what it is.

Every value comes from the graph, node by node; no hook on a module is involved.
"""
