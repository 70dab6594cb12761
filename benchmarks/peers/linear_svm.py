"""Linear SVM on 100,000 x 50 float32 rows, their labels in the column after them."""
import sys

import numpy as np
from sklearn.svm import LinearSVC

from serve import serve

table = np.fromfile(sys.argv[1], np.float32).reshape(-1, 51)
# LIBLINEAR computes in float64.
x, y = np.ascontiguousarray(table[:, :50], np.float64), table[:, 50].astype(np.int32)
train, test = slice(0, 100_000), slice(100_000, None)


def agree(model):
    return [model.score(x[test], y[test]), np.abs(model.decision_function(x[test])).mean()]


serve(run=lambda: LinearSVC(random_state=0).fit(x[train], y[train]), agree=agree)
