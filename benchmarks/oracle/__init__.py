"""NeMo as the oracle: what is asked of its modules, and the scripts that answer in its own environment."""
