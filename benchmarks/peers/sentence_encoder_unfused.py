"""sentence_encoder.py without the fusion that ours leaves out too: few users know that it slows a CPU down."""
import sys

sys.argv.append("SkipLayerNormFusion")
import sentence_encoder  # noqa: E402, F401
