"""Logistic regression on 100,000 x 50 float32 rows, their labels in the column after them."""
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

from serve import serve

table = np.fromfile(sys.argv[1], np.float32).reshape(-1, 51)
x, y = np.ascontiguousarray(table[:, :50]), table[:, 50].astype(np.int32)
train, test = slice(0, 100_000), slice(100_000, None)


def agree(model):
    probabilities = model.predict_proba(x[test])
    return [accuracy_score(y[test], model.classes_[probabilities.argmax(axis=1)]), log_loss(y[test], probabilities)]


serve(run=lambda: LogisticRegression().fit(x[train], y[train]), agree=agree)
