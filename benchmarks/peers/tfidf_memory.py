"""Peak memory of TF-IDF in MB: fit and transform of the texts in a file, or fit alone on a stream of it, so many times over."""
import resource
import sys

from sklearn.feature_extraction.text import TfidfVectorizer

path, times = sys.argv[1], int(sys.argv[2])


def stream():
    for _ in range(times):
        with open(path, encoding="utf8") as file:
            for line in file:
                yield line.rstrip("\n")


if times == 0:
    with open(path, encoding="utf8") as file:
        texts = file.read().splitlines()
    TfidfVectorizer().fit_transform(texts)
else:
    TfidfVectorizer().fit(stream())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
