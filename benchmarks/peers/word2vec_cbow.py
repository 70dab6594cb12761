"""CBOW: see word2vec.py."""
import sys

from word2vec import main

main(sys.argv[1], skip_gram=False, epochs=10)
