from comparison.conftest import config, plan, settled

__all__ = ["config", "plan", "settled"]
