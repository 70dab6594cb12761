"""PyTorch's side of the networks' race.

nn.py make <workload> <file>                              weights and batches from a seed, written as safetensors
nn.py run <workload> <file> <task> <optimizer> <threads> <rows>  takes turns: that many steps for each line of standard input;
                                                                 rows of a batch, 0 for all
nn.py ragged <gru or text-cnn> <lengths as JSON>          milliseconds of an epoch of rows of these lengths, and of full and short ones
"""
import json
import os
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList(nn.Linear(300, 128) for _ in range(3))
        self.hidden = nn.Linear(384, 128)
        self.output = nn.Linear(128, 1)

    def forward(self, x):
        h = torch.cat([torch.relu(branch(x[:, i])) for i, branch in enumerate(self.branches)], 1)
        return self.output(torch.relu(self.hidden(h)))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.randn(4, 128) * 0.02)
        layer = dict(d_model=128, nhead=4, dim_feedforward=512, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(**layer) for _ in range(2))
        self.output = nn.Linear(128, 1)

    def forward(self, x):
        h = x + self.positions
        for layer in self.layers:
            h = layer(h)
        return self.output(h.mean(1))


class TextCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20_000, 100)
        self.convolution = nn.Conv1d(100, 128, 5)
        self.output = nn.Linear(128, 1)

    def forward(self, x):
        h = self.convolution(self.embedding(x).transpose(1, 2))
        return self.output(torch.relu(h).max(2).values)


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(32, 64, batch_first=True)
        self.output = nn.Linear(64, 1)

    def forward(self, x):
        _, last = self.gru(x)
        return self.output(last[0])


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding="same")
        self.conv2 = nn.Conv2d(32, 64, 3, padding="same")
        self.hidden = nn.Linear(64 * 7 * 7, 128)
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        h = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        h = F.max_pool2d(torch.relu(self.conv2(h)), 2)
        return self.output(torch.relu(self.hidden(h.flatten(1))))


class Modality(nn.Module):
    """Brings a modality to one width, and stands in for it where it is missing."""

    def __init__(self, cols, units):
        super().__init__()
        self.dense = nn.Linear(cols, units)
        self.missing = nn.Parameter(torch.randn(units) * 0.02)

    def forward(self, x, present):
        return torch.where(present > 0, torch.relu(self.dense(x)), self.missing)


class LowRank(nn.Module):
    def __init__(self):
        super().__init__()
        for name in "abc":
            self.add_module(name, Modality(300, 128))
            self.add_module(f"factor_{name}", nn.Linear(128, 4 * 64))
        self.rank_weight = nn.Parameter(torch.full((4,), 0.5))
        self.bias = nn.Parameter(torch.zeros(64))
        self.head = nn.Linear(64, 1)

    def forward(self, x):
        present = torch.ones(len(x), 1)
        product = 1
        for i, name in enumerate("abc"):
            product = product * self.get_submodule(f"factor_{name}")(self.get_submodule(name)(x[:, i], present))
        return self.head((product.view(-1, 4, 64) * self.rank_weight[:, None]).sum(1) + self.bias)


class CrossBlock(nn.Module):
    def __init__(self, units, heads):
        super().__init__()
        self.query_norm = nn.LayerNorm(units)
        self.keys_norm = nn.LayerNorm(units)
        self.multiHeadAttention = nn.MultiheadAttention(units, heads, batch_first=True)
        self.layerNorm = nn.LayerNorm(units)
        self.linear1 = nn.Linear(units, 4 * units)
        self.linear2 = nn.Linear(4 * units, units)

    def forward(self, query, keys, padding):
        normed = self.keys_norm(keys)
        heard, _ = self.multiHeadAttention(
            self.query_norm(query), normed, normed, key_padding_mask=padding, need_weights=False
        )
        between = query + heard
        return between + self.linear2(torch.relu(self.linear1(self.layerNorm(between))))


class Crossmodal(nn.Module):
    def __init__(self, steps=20, cols=32, units=64, heads=4):
        super().__init__()
        for name in "abc":
            self.add_module(name, Modality(cols, units))
            for other in "abc".replace(name, ""):
                blocks = nn.ModuleList(CrossBlock(units, heads) for _ in range(2))
                self.add_module(f"{name}_from_{other}", blocks)
            self.add_module(f"merge_{name}", nn.Linear(2 * units, units))
            layer = nn.TransformerEncoderLayer(units, heads, 4 * units, dropout=0.0, batch_first=True, norm_first=True)
            norm = nn.LayerNorm(units)
            self.add_module(f"self_{name}", nn.TransformerEncoder(layer, 1, norm, enable_nested_tensor=False))
        self.output = nn.Linear(3 * units, units)
        self.head = nn.Linear(units, 1)
        at = torch.arange(steps)[:, None] / 10000 ** (torch.arange(0, units, 2) / units)
        self.register_buffer("positions", torch.stack([at.sin(), at.cos()], 2).flatten(1), persistent=False)

    def forward(self, x):
        present = torch.ones(len(x), 1, 1)
        padding = torch.zeros(len(x), x.shape[2], dtype=torch.bool)
        placed = {name: self.get_submodule(name)(x[:, i], present) + self.positions for i, name in enumerate("abc")}
        pooled = []
        for name in "abc":
            views = []
            for other in "abc".replace(name, ""):
                seen = placed[name]
                for block in self.get_submodule(f"{name}_from_{other}"):
                    seen = block(seen, placed[other], padding)
                views.append(seen)
            merged = self.get_submodule(f"merge_{name}")(torch.cat(views, 2))
            own = self.get_submodule(f"self_{name}")(merged, src_key_padding_mask=padding)
            pooled.append(own.mean(1))
        return self.head(self.output(torch.cat(pooled, 1)))


# Network, shape of a batch, loss.
workloads = {
    "mlp": (Mlp, (32, 3, 300), F.binary_cross_entropy_with_logits),
    "transformer": (Transformer, (64, 4, 128), F.binary_cross_entropy_with_logits),
    "text-cnn": (TextCnn, (64, 200), F.binary_cross_entropy_with_logits),
    "gru": (Gru, (64, 50, 32), F.binary_cross_entropy_with_logits),
    "low-rank": (LowRank, (32, 3, 300), F.binary_cross_entropy_with_logits),
    "crossmodal": (Crossmodal, (32, 3, 20, 32), F.binary_cross_entropy_with_logits),
    "cnn": (Cnn, (64, 1, 28, 28), F.cross_entropy),
}
batches = 3


def make(network, shape, loss, path):
    """The network's own first weights by their names, and its batches as x and y: [batches, ...].

    So few that the twentieth step meets what was learned in the first: its loss tells of the updates.
    """
    torch.manual_seed(0)
    weights = network().state_dict()
    words = "embedding.weight" in weights
    x = torch.randint(20_000, (batches, *shape), dtype=torch.int32) if words else torch.randn(batches, *shape)
    if loss is F.cross_entropy:
        y = torch.randint(10, (batches, shape[0]), dtype=torch.int32)
    else:
        y = torch.randint(2, (batches, shape[0], 1)).float()
    save_file({**weights, "x": x, "y": y}, f"{path}.part")
    os.replace(f"{path}.part", path)


def optimizers_of(network, kind):
    parameters = dict(network.named_parameters())
    if kind != "sparse":
        return [torch.optim.Adam(parameters.values(), fused=True if kind == "fused" else None)]
    sparse = torch.optim.SparseAdam([parameters.pop("embedding.weight")])
    return [sparse, torch.optim.Adam(parameters.values())]


def trainer(network, kind, loss):
    if kind == "sparse":
        network.embedding.sparse = True
    optimizers = optimizers_of(network, kind)

    def step(x, y):
        for optimizer in optimizers:
            optimizer.zero_grad()
        value = loss(network(x), y)
        value.backward()
        for optimizer in optimizers:
            optimizer.step()
        return value.detach()

    return step


def inferrer(network):
    network.eval()

    def step(x, _):
        with torch.inference_mode():
            return network(x)

    return step


def run(make_network, loss, path, task, kind, threads, rows):
    torch.set_num_threads(threads)
    weights = load_file(path)
    whole = lambda tensor: tensor.long() if tensor.dtype == torch.int32 else tensor
    xs, ys = whole(weights.pop("x")), whole(weights.pop("y"))

    for line in sys.stdin:
        # Every turn starts anew from the same weights, and so does the same work.
        network = make_network()
        network.load_state_dict(weights)
        step = trainer(network, kind, loss) if task == "train" else inferrer(network)
        ms, agree = [], []
        cpu = time.process_time()
        for i in range(int(line)):
            x, y = xs[i % batches, :rows], ys[i % batches, :rows]
            started = time.perf_counter()
            output = step(x, y)
            ms.append((time.perf_counter() - started) * 1e3)
            if i in (0, 19):
                agree.append(output.square().mean().sqrt().item())
        cpu = time.process_time() - cpu
        print(json.dumps({"ms": ms, "cpuMs": cpu * 1e3, "agree": agree}), flush=True)


def ragged_gru(network, x, lengths):
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return network.output(network.gru(packed)[1][0])


def ragged_text_cnn(network, x, lengths):
    h = network.convolution(network.embedding(x).transpose(1, 2))
    windows = lengths.clamp(min=5) - 4
    behind = torch.arange(h.shape[2]) >= windows[:, None]
    return network.output(torch.relu(h.masked_fill(behind[:, None], -torch.inf)).max(2).values)


def ragged(workload, lengths):
    """Batches of rows of like length, as ours: sorted, cut, mixed; each padded to its longest row."""
    torch.set_num_threads(1)
    make_network, (batch, most, *rest), loss = workloads[workload]
    forward = ragged_gru if workload == "gru" else ragged_text_cnn

    def epoch(lengths):
        torch.manual_seed(0)
        network = make_network()
        full = len(set(lengths)) == 1
        optimizer = torch.optim.Adam(network.parameters())
        lengths = torch.tensor(sorted(lengths))
        y = torch.randint(2, (batch, 1)).float()
        times = []
        data = []
        for at in range(0, len(lengths), batch):
            own = lengths[at : at + batch]
            shape = (batch, int(own.max()), *rest)
            data.append((torch.randint(20_000, shape) if workload == "text-cnn" else torch.randn(shape), own))
        for _ in range(12):
            started = time.perf_counter()
            for at in torch.randperm(len(data)).tolist():
                x, own = data[at]
                optimizer.zero_grad()
                # Rows of one length need neither packing nor masks.
                value = loss(network(x) if full else forward(network, x, own), y)
                value.backward()
                optimizer.step()
            times.append(time.perf_counter() - started)
        return min(times[4:]) * 1e3

    short = min(lengths)
    alike = {"full": epoch([most] * len(lengths)), "short": epoch([short] * len(lengths))}
    print(json.dumps({"ragged": epoch(lengths), **alike}))


verb, workload, path, *options = sys.argv[1:]
network, shape, loss = workloads[workload]
if verb == "ragged":
    ragged(workload, json.loads(path))
elif verb == "make":
    make(network, shape, loss, path)
else:
    task, kind, threads, rows = options
    run(network, loss, path, task, kind, int(threads), int(rows) or None)
