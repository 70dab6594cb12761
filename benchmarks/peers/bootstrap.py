"""1,000 resamples of accuracy, by SciPy in batches that fit into memory; labels of 0 and 1, truth and prediction, a byte each."""
import os
import sys

import numpy as np
from scipy.stats import bootstrap

from serve import serve

count = os.path.getsize(sys.argv[1]) // 2
truth = np.fromfile(sys.argv[1], np.uint8, count)
predicted = np.fromfile(sys.argv[1], np.uint8, count, offset=count)


def accuracy(a, b, axis):
    return np.mean(a == b, axis=axis)


def run():
    return bootstrap((truth, predicted), accuracy, paired=True, vectorized=True, n_resamples=1000, batch=10, method="percentile", random_state=7)


def agree(result):
    return [np.mean(truth == predicted), result.confidence_interval.low, result.confidence_interval.high]


serve(run=run, agree=agree)
