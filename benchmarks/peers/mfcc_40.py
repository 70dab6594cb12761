"""MFCC of a mono float32 file at 16 kHz."""
import sys

import librosa
import numpy as np

from serve import serve

samples = np.fromfile(sys.argv[1], np.float32)

serve(
    run=lambda: librosa.feature.mfcc(y=samples, sr=16000, n_mfcc=40, n_fft=512, win_length=400, hop_length=160, n_mels=40),
    agree=lambda mfcc: [*reversed(mfcc.shape), *mfcc.mean(axis=1, dtype=np.float64)],
)
