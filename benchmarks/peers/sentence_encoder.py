"""Sentences to vectors by MiniLM in ONNX form: npm run weights -- minilm.

sentence_encoder.py <file> 1          takes turns on sentences, one a line, on one thread
sentence_encoder.py <file> <vectors>  writes the vectors as float32; the file is JSON, an array of sentences

After that, optimisations of onnxruntime that are left out.
"""
import json
import pathlib
import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from serve import serve

path, vectors, *left_out = sys.argv[1:]
folder = pathlib.Path(__file__).parents[1] / ".cache" / "weights" / "minilm"
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.enable_truncation(256)
tokenizer.no_padding()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"], disabled_optimizers=left_out)


def encode(sentences, batch_size=8):
    """Sorted by length and in batches, as sentence-transformers does; of 8, 16, 32, 64 and 128 at a time 8 are the fastest here."""
    encodings = tokenizer.encode_batch(sentences)
    order = sorted(range(len(sentences)), key=lambda i: -len(encodings[i].ids))
    out = np.empty((len(sentences), 384), np.float32)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        length = len(encodings[batch[0]].ids)
        ids = np.zeros((len(batch), length), np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(batch):
            ids[row, : len(encodings[i].ids)] = encodings[i].ids
            mask[row, : len(encodings[i].ids)] = 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = session.run(["last_hidden_state"], feeds)
        pooled = (hidden * mask[:, :, None]).sum(1, dtype=np.float32) / mask.sum(1, keepdims=True)
        out[batch] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return out


text = pathlib.Path(path).read_text(encoding="utf8")
if vectors != "1":
    # One by one, so that nothing is filled up.
    pathlib.Path(vectors).write_bytes(np.concatenate([encode([sentence]) for sentence in json.loads(text)]).tobytes())
else:
    sentences = text.split("\n")
    # Half the square of a row's length lies in half of its columns: a positive number of every row.
    serve(run=lambda: encode(sentences), agree=lambda x: [*x.shape, *(x[:, :192] ** 2).sum(1)])
