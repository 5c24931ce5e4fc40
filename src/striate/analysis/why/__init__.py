"""Why a number is what it is: the products behind it, or behind its gradient."""
