"""Word vectors trained on the texts in a file, one a line, by skip-gram or CBOW."""
import numpy as np
from gensim.models import Word2Vec

from serve import serve


def topical(words, table):
    """Of the 100 words nearest to a word of a topic, the share that are of the same topic: of every 20th such word."""
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    rows = [row for row, word in enumerate(words) if word[0] == "t"][::20]
    topics = np.array([word.split("w")[0] for word in words])
    near = np.argsort(-(unit[rows] @ unit.T), axis=1)[:, 1:101]
    return float(np.mean(topics[near] == topics[rows][:, None]))


def main(path, skip_gram, epochs):
    with open(path, encoding="utf8") as file:
        sentences = [line.split(" ") for line in file.read().splitlines()]
    serve(
        run=lambda: Word2Vec(sentences, sg=int(skip_gram), epochs=epochs, sample=0, seed=1, workers=1).wv,
        agree=lambda vectors: [len(vectors), topical(vectors.index_to_key, vectors.vectors)],
    )
