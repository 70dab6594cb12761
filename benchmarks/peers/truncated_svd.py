"""TruncatedSVD of the TF-IDF of the first 20,000 texts in a file, in float32, which is the faster for it."""
import sys

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from serve import serve

with open(sys.argv[1], encoding="utf8") as file:
    texts = file.read().splitlines()[:20_000]
matrix = TfidfVectorizer(dtype=np.float32).fit_transform(texts)

serve(
    run=lambda: TruncatedSVD(100, random_state=0).fit(matrix),
    agree=lambda svd: [*svd.components_.shape, *svd.singular_values_[:3], svd.singular_values_.sum()],
)
