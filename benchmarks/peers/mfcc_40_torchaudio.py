"""MFCC of a mono float32 file at 16 kHz, by torchaudio with librosa's filters and padding."""
import sys

import numpy as np
import torch
from torchaudio.transforms import MFCC

from serve import serve

torch.set_num_threads(1)
samples = torch.from_numpy(np.fromfile(sys.argv[1], np.float32))
frames = dict(n_fft=512, win_length=400, hop_length=160, n_mels=40, norm="slaney", mel_scale="slaney", pad_mode="constant")
mfcc = MFCC(16000, n_mfcc=40, melkwargs=frames)

with torch.inference_mode():
    serve(
        run=lambda: mfcc(samples),
        agree=lambda out: [*reversed(out.shape), *out.double().mean(dim=1).tolist()],
    )
