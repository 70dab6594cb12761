"""See boosting.py."""
import boosting  # noqa: F401
