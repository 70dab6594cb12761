"""Mean AUC over folds of tree models of scikit-learn and LightGBM: tree_auc.py <float32 rows> <what they are, as JSON>"""
import json
import sys

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

about = json.loads(open(sys.argv[2]).read())
y = np.array(about["targets"])
x = np.fromfile(sys.argv[1], np.float32).reshape(len(y), -1)
seed = about["seed"]
forest = {"n_estimators": 300, "min_samples_leaf": 5, "random_state": seed}
models = {
    "boosting": lambda: LGBMClassifier(verbose=-1, n_jobs=1, seed=seed),
    "random forest": lambda: RandomForestClassifier(**forest),
    "extra trees": lambda: ExtraTreesClassifier(**forest),
    "decision tree": lambda: DecisionTreeClassifier(max_depth=5, min_samples_leaf=20, random_state=seed),
}
for name, make in models.items():
    scores = []
    for fold in about["folds"]:
        out = np.isin(np.arange(len(y)), fold)
        more = {"categorical_feature": about["categorical"]} if name == "boosting" and about["categorical"] else {}
        model = make().fit(x[~out], y[~out], **more)
        scores.append(roc_auc_score(y[out], model.predict_proba(x[out])[:, 1]))
    print(json.dumps({"model": name, "auc": float(np.mean(scores))}), flush=True)
