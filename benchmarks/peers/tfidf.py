"""TF-IDF, fit and transform, of the texts in a file, one a line."""
import sys

from sklearn.feature_extraction.text import TfidfVectorizer

from serve import serve

with open(sys.argv[1], encoding="utf8") as file:
    texts = file.read().splitlines()

serve(
    run=lambda: TfidfVectorizer().fit_transform(texts),
    agree=lambda matrix: [*matrix.shape, matrix.nnz, matrix.sum()],
)
