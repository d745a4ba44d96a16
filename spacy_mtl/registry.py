"""The two registries of this package: tasks and balancers, for blocks below `[components]`.

`[components.multitask.tasks.NAME]` takes `@mtl_tasks`, `[components.multitask.balancer]` takes
`@mtl_balancers`. Other packages add to them by entry points in the groups `spacy_mtl_tasks` and
`spacy_mtl_balancers`.
"""

from __future__ import annotations

from typing import Any

import catalogue
from spacy.util import registry as spacy_registry

registry: Any = spacy_registry

# `registry.create` would put them into thinc's namespace, whose entry points are never read.
if "mtl_tasks" not in vars(registry):
    registry.mtl_tasks = catalogue.create("spacy", "mtl_tasks", entry_points=True)
    registry.mtl_balancers = catalogue.create("spacy", "mtl_balancers", entry_points=True)

__all__ = ["registry"]
