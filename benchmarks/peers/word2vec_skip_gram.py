"""Skip-gram: see word2vec.py."""
import sys

from word2vec import main

main(sys.argv[1], skip_gram=True, epochs=3)
