"""32 JPEGs of 1280 x 960, about 350 kB each, from a seed: photos.py <file>; each behind its length in 4 bytes."""
import sys

import cv2
import numpy as np

random = np.random.default_rng(7)
with open(sys.argv[1], "wb") as file:
    for _ in range(32):
        blobs = random.integers(0, 256, (24, 32, 3), np.uint8).astype(np.float32)
        detail = random.integers(0, 256, (240, 320, 3), np.uint8).astype(np.float32) - 128
        image = cv2.resize(blobs, (1280, 960), interpolation=cv2.INTER_CUBIC)
        image += cv2.resize(detail, (1280, 960), interpolation=cv2.INTER_LINEAR) / 3
        image += random.integers(-6, 7, (960, 1280, 1)).astype(np.float32)
        jpeg = cv2.imencode(".jpg", np.clip(image, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
        file.write(len(jpeg).to_bytes(4, "little") + jpeg.tobytes())
