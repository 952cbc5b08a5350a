#!/usr/bin/env python3
"""Writes the golden files: what real frameworks make of small inputs. See README.md.

    generate.py [NAME...]    all of: torch keras tf_keras2 onnx norms softmax gated reductions activations layers train

The first four are a framework's batch normalization, the others what all frameworks make of one topic. Each runs in
a process of its own."""
import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
NAMES = ("torch", "keras", "tf_keras2", "onnx", "norms", "softmax", "gated", "reductions", "activations",
         "layers", "train")


def main(names):
    if len(names) == 2 and names[0] == "--make":
        __import__("make_" + names[1]).write(FOLDER)
        return 0
    for name in names or NAMES:
        if name not in NAMES:
            sys.exit("generate.py: unknown name " + name)
        environment = dict(os.environ, KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1",
                           TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", PYTHONDONTWRITEBYTECODE="1")
        subprocess.run([sys.executable, os.path.abspath(__file__), "--make", name], check=True, env=environment)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
