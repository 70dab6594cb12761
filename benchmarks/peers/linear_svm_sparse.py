"""Linear SVM on 16,000 x 40,000 sparse rows of four labels."""
import sys

import numpy as np
import scipy.sparse as sp
from sklearn.svm import LinearSVC

from serve import serve

rows, cols, count = np.fromfile(sys.argv[1], np.uint32, 3)
parts = np.fromfile(sys.argv[1], np.uint32, offset=12)
offsets, columns, values, y = np.split(parts, np.cumsum([rows + 1, count, count]))
# LIBLINEAR computes in float64.
x = sp.csr_matrix((values.view(np.float32).astype(np.float64), columns.astype(np.int32), offsets.astype(np.int32)), (rows, cols))
train, test = slice(0, 16_000), slice(16_000, None)


def agree(model):
    return [model.score(x[test], y[test]), np.abs(model.decision_function(x[test])).mean()]


known = x[train]
serve(run=lambda: LinearSVC(random_state=0).fit(known, y[train]), agree=agree)
