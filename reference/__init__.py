"""Makes the pages of docs/reference from entry points, signatures and docstrings.

`mkdocs.yml` builds the site, with `reference/hook.py` as its hook.
"""
