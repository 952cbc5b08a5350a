"""What training begins with, as samples/train has it: data (samples/train/data.c), first values of variables
(lib/layer/initializer.c). The same numbers, in integers or in the same order of float64."""
import gzip
import os

import numpy as np

SEED = 1
DIGITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "data", "digits.csv.gz")
MASK = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)


def philox(key, counter):
    """Philox 4x32-10 of counters that may be arrays: four arrays of 32-bit words."""
    block = [np.asarray(word, np.uint64) for word in np.broadcast_arrays(*counter)]
    for turn in range(10):
        keys = [np.uint64((key[i] + turn * (0x9E3779B9, 0xBB67AE85)[i]) & 0xFFFFFFFF) for i in range(2)]
        product = block[0] * np.uint64(0xD2511F53), block[2] * np.uint64(0xCD9E8D57)
        block = [product[1] >> SHIFT ^ block[1] ^ keys[0], product[1] & MASK,
                 product[0] >> SHIFT ^ block[3] ^ keys[1], product[0] & MASK]
    return block


# ------------------------------------------------------------------------------------------------------------- data

def split(rows):
    """Every fifth row is held out: the others, those."""
    held = np.arange(len(rows)) % 5 == 4
    return rows[~held], rows[held]


def digits():
    """Training images [count, 28, 28, 1] and labels, then those of the test set."""
    with gzip.open(DIGITS, "rt") as file:
        table = np.array([[int(word) for word in line.split(",")] for line in file])
    at = np.clip(4 * np.arange(28) - 5, 0, 98)
    weights = np.zeros((28, 8), np.int64)
    for row, place in zip(weights, at):
        row[place // 14] = 14 - place % 14
        if place % 14:
            row[place // 14 + 1] = place % 14
    images = np.einsum("ya,nab,xb->nyx", weights, table[:, :64].reshape(-1, 8, 8), weights)
    images = (images.astype(np.float32) / np.float32(14 * 14 * 16))[..., None]
    (x, test_x), (y, test_y) = split(images), split(table[:, 64])
    return x, y, test_x, test_y


def wave(turn):
    p = turn % 32768
    bow = p * (32768 - p) // 32768
    value = 16 * bow * 16384 // (5 * 32768 - 4 * bow)
    return np.where(turn // 32768 % 2 == 1, -value, value)


def sensors():
    """Training series [count, 100, 5] and targets, then those of the test set."""
    series, time, sensor = np.meshgrid(np.arange(2000), np.arange(101), np.arange(5), indexing="ij", sparse=True)
    hidden = [word.astype(np.int64) for word in philox((SEED, 0), (101, 0, series, 0))]
    later = time + 3 * (5 - sensor)
    slow = wave((hidden[0] >> 16) + later * (1024 + (hidden[1] >> 22)))
    fast = wave((hidden[2] >> 16) + later * (4096 + (hidden[3] >> 20)))
    noise = sum((word.astype(np.int64) >> 20) - 2048 for word in philox((SEED, 0), (time, sensor, series, 0)))
    values = ((8 * 16384 + (2 * slow + fast) * 2 + noise * 4) / 262144).astype(np.float32)
    (x, test_x), (y, test_y) = split(values[:, :100]), split(values[:, 100, 0])
    return x, y, test_x, test_y


# --------------------------------------------------------------------------------------------------------- variables

def stream_of(path):
    stream = 0x811C9DC5
    for byte in path.encode():
        stream = (stream ^ byte) * 0x01000193 & 0xFFFFFFFF
    return stream


def draw(path, count):
    """Two float64 in (0, 1) for each index."""
    index = np.arange(count, dtype=np.uint64)
    words = philox((SEED, 0), (index & MASK, index >> SHIFT, 0, stream_of(path)))
    return [((words[i + 1] << SHIFT | words[i]) >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54
            for i in (0, 2)]


def glorot_uniform(path, shape):
    window = np.prod(shape[:-2], dtype=np.int64)
    variance = 1 / max(1, (window * shape[-2] + window * shape[-1]) / 2)
    values = np.sqrt(3 * variance) * (2 * draw(path, np.prod(shape))[0] - 1)
    return values.astype(np.float32).reshape(shape)


def orthogonal(path, shape):
    """Gram & Schmidt twice over, as the library does, whose sums may end in another bit."""
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    pair = draw(path, rows * columns)
    matrix = (np.sqrt(-2 * np.log(pair[0])) * np.cos(2 * np.pi * pair[1])).reshape(min(rows, columns), -1)
    for k in range(len(matrix)):
        for _ in range(2):
            for before in matrix[:k]:
                matrix[k] -= before @ matrix[k] * before
        matrix[k] /= np.linalg.norm(matrix[k])
    return (matrix.T if rows >= columns else matrix).astype(np.float32).reshape(shape)
