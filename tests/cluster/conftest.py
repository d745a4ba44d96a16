"""A real Ray cluster for each module: three machines, which are processes here."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

NODES = 3


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of one CPU each; this process is connected to the first."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    from ray.cluster_utils import Cluster

    tests = os.path.dirname(os.path.dirname(__file__))
    config = {
        "enable_worker_prestart": False,
        "prestart_worker_first_driver": False,
        # A lost machine refuses connections: it is noticed after 2 s in place of 20.
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 4,
    }
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 10**8}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # At Ray's 15 they would hardly get on beside other work of this machine.
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]))
        cluster = Cluster(initialize_head=True, head_node_args={**head, "_system_config": config})
        for _ in range(NODES - 1):
            cluster.add_node(num_cpus=1, object_store_memory=10**8)
        ray.init(cluster.address, log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()
