"""A model behind HTTP: pictures in, classes and probabilities out; and the check of every way out.

`Service` answers requests whatever carries them, `app.py` says which path means what, `server.py`
listens. FastAPI and uvicorn are loaded when a service begins (`pip install "striate[serve]"`).
"""

from striate.serve.service import Limits, Service

__all__ = ["Limits", "Service"]
