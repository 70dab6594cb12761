"""LightGBM and XGBoost on 100,000 x 50 float32 rows, their labels in the column after them: 100 trees of 31 leaves."""
import pathlib
import sys

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.metrics import roc_auc_score
from xgboost import XGBClassifier

from serve import serve

table = np.fromfile(sys.argv[1], np.float32).reshape(-1, 51)
x, y = np.ascontiguousarray(table[:, :50]), table[:, 50].astype(np.int32)
train, test = slice(0, 100_000), slice(100_000, None)
common = {"n_estimators": 100, "learning_rate": 0.1, "n_jobs": 1}
models = {
    "boosting": lambda: LGBMClassifier(num_leaves=31, verbose=-1, **common),
    "boosting_xgboost": lambda: XGBClassifier(grow_policy="lossguide", max_leaves=31, max_depth=0, tree_method="hist", **common),
}
model = models[pathlib.Path(sys.argv[0]).stem]
serve(run=lambda: model().fit(x[train], y[train]), agree=lambda m: [roc_auc_score(y[test], m.predict_proba(x[test])[:, 1])])
