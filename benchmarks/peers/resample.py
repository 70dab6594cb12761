"""Resampling of mono float32 samples from 44.1 to 16 kHz by soxr's HQ."""
import sys

import numpy as np
import soxr

from serve import serve

samples = np.resize(np.fromfile(sys.argv[1], np.float32), 60 * 44100)

serve(
    run=lambda: soxr.resample(samples, 44100, 16000, "HQ"),
    agree=lambda out: [len(out), float((out.astype(np.float64) ** 2).sum())],
)
