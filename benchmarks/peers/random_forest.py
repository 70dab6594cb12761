"""Ten trees of scikit-learn's random forest on 100,000 x 50 float32 rows, without a limit of depth."""
import sys

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from serve import serve

table = np.fromfile(sys.argv[1], np.float32).reshape(-1, 51)
x, y = np.ascontiguousarray(table[:, :50]), table[:, 50].astype(np.int32)
train, test = slice(0, 100_000), slice(100_000, None)
serve(
    run=lambda: RandomForestClassifier(n_estimators=10, random_state=0).fit(x[train], y[train]),
    agree=lambda model: [roc_auc_score(y[test], model.predict_proba(x[test])[:, 1])],
)
