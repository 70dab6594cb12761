"""Resampling of mono float32 samples from 44.1 to 16 kHz by torchaudio with the filter of its tutorial, "kaiser_best"."""
import sys

import numpy as np
import torch
from torchaudio.functional import resample

from serve import serve

torch.set_num_threads(1)
best = dict(lowpass_filter_width=64, rolloff=0.9475937167399596, resampling_method="sinc_interp_kaiser", beta=14.769656459379492)
samples = torch.from_numpy(np.resize(np.fromfile(sys.argv[1], np.float32), 60 * 44100))

with torch.inference_mode():
    serve(
        run=lambda: resample(samples, 44100, 16000, **best),
        agree=lambda out: [len(out), float((out.double() ** 2).sum())],
    )
