"""torchvision's decode_jpeg and v2 transforms."""
import torch
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

from jpegs import MEAN, STD, race

torch.set_num_threads(1)
transform = v2.Compose(
    [
        v2.Resize((224, 224), antialias=True),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN.tolist(), STD.tolist(), inplace=True),
    ]
)


def one(jpeg, row):
    pixels = decode_jpeg(torch.frombuffer(bytearray(jpeg), dtype=torch.uint8), mode=ImageReadMode.RGB)
    torch.from_numpy(row).copy_(transform(pixels))


race(one)
