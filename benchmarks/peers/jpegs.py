"""JPEGs to ImageNet-normalised float32 NCHW batches: what the scripts beside share."""
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from serve import serve

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def files():
    with open(sys.argv[1], "rb") as file:
        while length := file.read(4):
            yield file.read(int.from_bytes(length, "little"))


def race(one):
    """`one` writes the values of a JPEG into a row of the batch."""
    jpegs, threads = list(files()), int(sys.argv[2])
    pool = ThreadPoolExecutor(threads)

    def run():
        batch = np.empty((len(jpegs), 3, 224, 224), np.float32)
        if threads == 1:
            for row, jpeg in zip(batch, jpegs):
                one(jpeg, row)
        else:
            list(pool.map(one, jpegs, batch))
        return batch

    def agree(batch):
        return [len(batch), batch[0].size, (batch**2).mean(dtype=np.float64), np.abs(batch).mean(dtype=np.float64)]

    serve(run, agree)


def race_opencv(flag):
    import cv2

    cv2.setNumThreads(1)

    def one(jpeg, row):
        small = cv2.resize(cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag), (224, 224), interpolation=cv2.INTER_AREA)
        row[:] = ((cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)

    race(one)
