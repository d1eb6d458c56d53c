"""A small atmosphere on a rotating sphere, one physical idea per file; `atmosphere.py` puts them together."""
