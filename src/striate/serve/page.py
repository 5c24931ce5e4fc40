"""The page at /docs: what the service answers. One file, which loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from striate.display import shape_text
from striate.serve.service import MEGABYTE, Service


def page(service: Service, refusals: Mapping[int, str], address: str) -> str:
    """The page in HTML; `address` is where it was asked for: http://localhost:8000/."""
    model, limits = service.model, service.limits
    classes = escape(", ".join(model.classes[:50]))
    rows = "".join(
        f"<tr><td>{status}</td><td>{what}</td></tr>" for status, what in refusals.items()
    )
    shape = shape_text(model.preprocessing.shape)
    predict = f"{escape(address)}predict"
    return f"""<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Striate</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em }}
pre {{ background: #f4f4f4; padding: 1em; overflow: auto }} td {{ padding: 0 1em 0 0 }}</style>
<h1>Striate</h1>
<p>{escape(model.headline)}. Pictures of any size and color become {shape}.</p>
<p>Classes: {classes}</p>
<h2>POST /predict</h2>
<p>One picture as the body, or several as multipart <code>files</code>:</p>
<pre>curl --data-binary @seven.png -H "Content-Type: image/png" {predict}
curl -F files=@seven.png -F files=@two.png {predict}</pre>
<pre>{{"schema_version": 1, "model": "{service.sha256[:12]}…", "predictions": [
  {{"label": …, "probability": …, "probabilities": {{class: …}}}}]}}</pre>
<p>At most {limits.pictures} pictures and {limits.upload / MEGABYTE:g} MB a request,
{limits.queue} pictures that wait, {limits.seconds:g} seconds.
Other answers are <code>{{"schema_version": 1, "error": …}}</code>:</p>
<table>{rows}</table>
<h2>GET</h2>
<p><a href="/health">/health</a>, <a href="/metrics">/metrics</a> (Prometheus),
<a href="/openapi.json">/openapi.json</a></p>
</html>
"""
