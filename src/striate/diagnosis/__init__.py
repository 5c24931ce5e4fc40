"""What is wrong with a network, its training or its pictures: verdicts with numbers and a fix.

`diagnose` gathers the evidence once (`evidence.py`) and hands it to a table of checks
(`checks.py`), each a small function in the file of what it looks at.
"""

from striate.diagnosis.diagnosing import diagnose
from striate.diagnosis.verdict import Diagnosis, Verdict

__all__ = ["Diagnosis", "Verdict", "diagnose"]
