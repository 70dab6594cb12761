"""The area under the ROC curve of float64 scores and as many labels of one byte behind them."""
import os
import sys

import numpy as np
from sklearn.metrics import roc_auc_score

from serve import serve

count = os.path.getsize(sys.argv[1]) // 9
scores = np.fromfile(sys.argv[1], np.float64, count)
truth = np.fromfile(sys.argv[1], np.uint8, count, offset=8 * count)

serve(run=lambda: roc_auc_score(truth, scores), agree=lambda area: [area])
