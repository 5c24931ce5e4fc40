"""Questions about a network, a file each; every answer is a value and prints nothing."""
