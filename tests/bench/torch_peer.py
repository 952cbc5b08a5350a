#!/usr/bin/env python3
"""Times PyTorch, eager and compiled, on the cases of a result file of the benchmark, on the same GPU.

    torch_peer.py RESULTS.json OUT.json

Every row of RESULTS.json whose operation PyTorch has (batch norm + ReLU, layer, RMS and group norm, softmax; forward and
backward; f32, f16) is timed on tensors of the same shape: events around ten calls on buffers in turn that exceed the last-level cache,
median of 30, after the compiler has warmed up. A gradient's time is that of backward() alone, with forward outside.
OUT.json holds one row per case; the table printed has vknorm's time beside it, and geometric means at the end. Without a CUDA device it says so and
ends with status 3; `--cpu` takes the processor instead, to try the script."""
import argparse
import json
import math
import statistics
import sys
import time

import torch
import torch.nn.functional as F

CALLS, SAMPLES = 10, 30


ACTIVATIONS = {"identity": lambda y: y, "relu": F.relu, "silu": F.silu, "gelu": F.gelu}


def normalization(operation, activation):
    """What the benchmark's operation is in PyTorch, with the activation fused after it as far as PyTorch does that."""
    act = ACTIVATIONS[activation]
    return {
        "train": lambda x, p: act(F.batch_norm(x, p["mean"], p["var"], p["gamma"], p["beta"], True, 0.01, 1e-3)),
        "train add": lambda x, p: act(F.batch_norm(x, p["mean"], p["var"], p["gamma"], p["beta"], True, 0.01, 1e-3)
                                      + p["residual"]),
        "infer": lambda x, p: act(F.batch_norm(x, p["mean"], p["var"], p["gamma"], p["beta"], False, 0.0, 1e-3)),
        "layer norm": lambda x, p: act(F.layer_norm(x, x.shape[-1:], p["gamma"], p["beta"], 1e-5)),
        "rms norm": lambda x, p: act(F.rms_norm(x, x.shape[-1:], p["gamma"], 1e-6)),
        "group norm": lambda x, p: act(F.group_norm(x, 8 if x.shape[1] < 32 else 32, p["gamma"], p["beta"], 1e-5)),
        "softmax": lambda x, p: F.softmax(x, -1),
    }[operation]


# The benchmark's operation: the forward one, whether its gradient is meant, and the axis of the parameters.
OPERATIONS = {
    "train": ("train", False, 1), "infer": ("infer", False, 1), "gradient": ("train", True, 1),
    "train add": ("train add", False, 1), "grad add": ("train add", True, 1),
    "layer norm": ("layer norm", False, -1), "layer grad": ("layer norm", True, -1),
    "rms norm": ("rms norm", False, -1), "rms grad": ("rms norm", True, -1),
    "group norm": ("group norm", False, 1), "group grad": ("group norm", True, 1),
    "softmax": ("softmax", False, None), "softmax grad": ("softmax", True, None),
}
TYPES = {"f32": torch.float32, "f16": torch.float16}


def shape_of(case):
    """The logical shape, channels first, and whether they lie last: of "8x64x56x56 nhwc"."""
    words = case.split()
    return [int(n) for n in words[0].split("x")], words[-1] == "nhwc"


def sets_of(shape, last, kind, parameters, axis, gradient, device, cache_bytes):
    """Inputs in turn: as many as exceed the cache twice over, at least two."""
    size = math.prod(shape) * kind.itemsize
    count = max(2, min(64, 2 * cache_bytes // max(size, 1) + 1))
    made = []
    for _ in range(count):
        x = torch.randn(shape, device=device, dtype=kind)
        if last:
            x = x.to(memory_format=torch.channels_last)
        channels = shape[axis] if axis is not None else 1
        like = {"device": device, "dtype": parameters}
        p = {"gamma": torch.rand(channels, **like) + 0.5, "beta": torch.randn(channels, **like),
             "mean": torch.zeros(channels, device=device), "var": torch.ones(channels, device=device), "residual": torch.randn_like(x)}
        if gradient:
            x.requires_grad_(True)
            for name in ("gamma", "beta", "residual"):
                p[name].requires_grad_(True)
        made.append((x, p, torch.randn_like(x)))
    return made


def forward(function, sets):
    with torch.no_grad():
        for i in range(CALLS):
            x, p, _ = sets[i % len(sets)]
            function(x, p)


def seconds(work, device):
    if device == "cpu":
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) * 1e-3


def microseconds(function, sets, gradient, device):
    """Median and quartiles of one call."""
    def sample():
        if not gradient:
            return seconds(lambda: forward(function, sets), device)
        todo = []
        for i in range(CALLS):
            x, p, dy = sets[i % len(sets)]
            wanted = [t for t in (x, p["gamma"], p["beta"], p["residual"]) if t.requires_grad]
            todo.append((function(x, p), wanted, dy))
        def backward():
            for y, wanted, dy in todo:
                torch.autograd.grad(y, wanted, dy, allow_unused=True)
        if device != "cpu":
            torch.cuda.synchronize()
        return seconds(backward, device)
    for _ in range(3):
        sample()
    times = [1e6 * sample() / CALLS for _ in range(SAMPLES)]
    low, middle, high = statistics.quantiles(times, n=4)
    return [low, middle, high]


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results")
    parser.add_argument("out")
    parser.add_argument("--cpu", action="store_true", help="without a GPU, to try the script")
    options = parser.parse_args()
    if not options.cpu and not torch.cuda.is_available():
        print("torch_peer: PyTorch sees no CUDA device", file=sys.stderr)
        return 3
    device = "cpu" if options.cpu else "cuda"
    with open(options.results) as file:
        ours = json.load(file)
    cache = 1 << 20 if options.cpu else torch.cuda.get_device_properties(0).L2_cache_size
    rows = []
    print(f"{'case':24}{'operation':14}{'type':5}{'vknorm us':>11}{'eager us':>11}{'compiled us':>13}{'eager/':>8}{'compiled/':>10}")
    for row in ours["results"]:
        if not row.get("chosen") or row["operation"] not in OPERATIONS or "gpu_us" not in row:
            continue
        if options.cpu and row["type"] == "f16": # which batch norm does not know there
            continue
        operation, gradient, axis = OPERATIONS[row["operation"]]
        function = normalization(operation, row["activation"])
        shape, last = shape_of(row["case"])
        kind = TYPES[row["type"]]
        # As frameworks keep them: f32 for batch norm, else the tensor's type.
        parameters = torch.float32 if operation in ("train", "train add", "infer") else kind
        sets = sets_of(shape, last, kind, parameters, axis, gradient, device, cache)
        torch._dynamo.reset()
        eager = microseconds(function, sets, gradient, device)
        compiled = microseconds(torch.compile(function, dynamic=False), sets, gradient, device)
        del sets
        mine = row["gpu_us"][1]
        rows.append({"case": row["case"], "operation": row["operation"], "type": row["type"], "vknorm_us": mine,
                     "eager_us": eager, "compiled_us": compiled, "faster_than_eager": eager[1] / mine,
                     "faster_than_compiled": compiled[1] / mine})
        print(f"{row['case']:24}{row['operation']:14}{row['type']:5}{mine:11.1f}{eager[1]:11.1f}{compiled[1]:13.1f}"
              f"{eager[1] / mine:8.2f}{compiled[1] / mine:10.2f}", flush=True)
    means = {}
    for operation in dict.fromkeys(row["operation"] for row in rows):
        of = [row for row in rows if row["operation"] == operation]
        means[operation] = {peer: geometric_mean([row[f"faster_than_{peer}"] for row in of]) for peer in ("eager", "compiled")}
        print(f"{operation:14} {means[operation]['eager']:.2f} times eager, {means[operation]['compiled']:.2f} times compiled")
    name = "cpu" if options.cpu else torch.cuda.get_device_name(0)
    with open(options.out, "w") as file:
        json.dump({"device": name, "torch": torch.__version__, "vknorm_device": ours["device"], "commit": ours["commit"],
                   "date": ours["date"], "geometric_means": means, "results": rows}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
