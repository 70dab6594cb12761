"""XGBoost's predictions of 20,000 rows by 100 trees of 31 leaves."""
import sys

import numpy as np
from sklearn.metrics import roc_auc_score
from xgboost import XGBClassifier

from serve import serve

table = np.fromfile(sys.argv[1], np.float32).reshape(-1, 51)
x, y = np.ascontiguousarray(table[:, :50]), table[:, 50].astype(np.int32)
train, test = slice(0, 100_000), slice(100_000, None)
params = {"n_estimators": 100, "learning_rate": 0.1, "n_jobs": 1, "grow_policy": "lossguide", "max_leaves": 31, "max_depth": 0}
model = XGBClassifier(tree_method="hist", **params).fit(x[train], y[train])
serve(run=lambda: model.predict_proba(x[test]), agree=lambda chances: [roc_auc_score(y[test], chances[:, 1])])
