#!/usr/bin/python3
"""Runs samples/train: its parameter counts, its first ten steps, a short training, and what it says about bad input.

usage: tests/train.py TRAIN [--validation]
"""
import os
import re
import subprocess
import sys

import script

TRAIN = os.path.abspath(sys.argv[1])
OPTIONS = ["--validation"] if "--validation" in sys.argv else []
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden/train.txt")

# Parameters, and how many of them are not trainable.
PARAMETERS = {"mlp": (271346, 2368), "mlp_before": (270946, 2368), "mlp_plain": (266610, 0), "cnn": (54538, 64),
              "cnn_leaky": (54538, 64), "cnn_spatial": (57114, 1352), "cnn_plain": (54410, 0), "dense": (51146, 128),
              "lstm": (30625, 128), "lstm_plain": (30369, 0)}


def call(*words):
    return subprocess.run([TRAIN, *words], capture_output=True, text=True, check=False)


def run(*words):
    result = call(*words, *OPTIONS)
    print(result.stdout, result.stderr, sep="")
    assert result.returncode == 0 and result.stderr == "", f"status {result.returncode}"
    return result.stdout


def parameters():
    text = run("--model", "all", "--summary")
    for name, (total, fixed) in PARAMETERS.items():
        part = text.split(f"Model: {name}\n")[1].split("Model: ")[0].replace(",", "")
        found = [int(re.search(f"{what} parameters: (\\d+)", part)[1]) for what in ("Total", "Trainable", "Non-trainable")]
        assert found == [total, total - fixed, fixed], f"{name}: {found}"
    assert text.count("Model: ") == len(PARAMETERS)


def golden():
    text = run("--model", "all", "--golden", GOLDEN)
    assert text.count("as the frameworks") == len(PARAMETERS)


def training():
    """Takes a while, so only on one driver, the fastest; elsewhere the golden steps have shown as much."""
    if "llvmpipe" not in run("--model", "dense", "--summary"):
        return
    run("--epochs", "7", "--expect", "0.96")


def plots():
    text = run("--model", "dense", "--epochs", "1", "--plot", "curves.svg", "--optimizer", "sgd", "--momentum", "0.5")
    assert "curves.svg" in text
    with open("curves.svg", encoding="utf-8") as file:
        assert "<svg" in file.read()


def repeats():
    """The same seed, the same numbers; another one, others."""
    first, second, other = [re.sub(r"\d+\.\d s", "", run("--model", "dense", "--epochs", "1", "--seed", seed))
                            for seed in ("5", "5", "6")]
    assert first == second != other


def odd_batches():
    """The loss of a model that does not move does not depend on the batch, also where its rows fill no tile."""
    losses = [re.search(r"test loss (\S+)", run("--model", "mlp_plain", "--epochs", "1", "--lr", "0", "--batch", batch))[1]
              for batch in ("33", "101")]
    assert losses[0] == losses[1], losses


def not_met():
    result = call("--model", "dense", "--epochs", "1", "--expect", "1")
    assert result.returncode == 1 and "is less than 1.0000" in result.stdout, result


def too_many_steps():
    """A file that asks for more samples than there are is refused; it must not read beyond them."""
    with open(GOLDEN, encoding="utf-8") as file, open("many.txt", "w", encoding="utf-8") as many:
        many.write(file.read().replace("model dense 10 32", "model dense 10 144"))
    refused("10 steps of 144 samples are more than the 1438", "--golden", "many.txt", "--model", "dense")()


def refused(expected, *words):
    return script.refused(call, words, [expected], 2, printed=1)


BAD = {
    "model": refused('--model "resnet": there is no such model', "--model", "resnet"),
    "epochs": refused('--epochs "0": expected a whole number from 1 to 1000', "--epochs", "0"),
    "batch": refused('--batch "1": expected a whole number from 2 to 1024', "--batch", "1"),
    "batch of -1": refused('--batch "-1"', "--batch", "-1"),
    "rate": refused('--lr "fast": expected a number', "--lr", "fast"),
    "momentum": refused('--momentum "nan": expected a number from 0 to 1', "--momentum", "nan"),
    "optimizer": refused('--optimizer "lion": expected sgd or adam', "--optimizer", "lion"),
    "plot": refused('--plot "curves.gif"', "--plot", "curves.gif"),
    "plot of all": refused("--plot draws one model", "--plot", "curves.svg", "--model", "all"),
    "argument": refused('unexpected argument "mlp"', "mlp"),
    "option": refused("see --help", "--speed", "9"),
    "device": refused('--device "voodoo": no device', "--device", "voodoo"),
    "golden": refused("--golden takes the steps that the file has", "--golden", GOLDEN, "--epochs", "3"),
    "summary of golden": refused("--golden takes the steps that the file has", "--golden", GOLDEN, "--summary"),
    "folder as golden": refused("Is a directory", "--golden", "."),
    "epochs of a summary": refused("--summary trains nothing", "--summary", "--epochs", "3"),
    "compare with nothing": refused("--compare: model dense has no form", "--compare", "--model", "dense"),
    "accuracy of series": refused("--expect: model lstm tells no classes", "--expect", "0.5", "--model", "lstm"),
    "momentum of adam": refused("--momentum is of sgd", "--momentum", "0.5", "--optimizer", "adam"),
    "momentum of cnn": refused("--momentum is of sgd", "--momentum", "0.5", "--model", "cnn"),
    "plot nowhere": refused('--plot "no/such.svg": No such file', "--plot", "no/such.svg"),
    "no folder": refused('--data ""', "--data", ""),
    "golden file": refused("nothing.txt", "--golden", "nothing.txt"),
    "folder": refused("train-images-idx3-ubyte", "--data", "nowhere"),
    "series": refused("model mlp learns from images", "--data", "sensor"),
    "images": refused("model lstm learns from series", "--model", "lstm", "--data", "digits"),
}

GOOD = [parameters, golden, training, plots, repeats, odd_batches, not_met, too_many_steps]

sys.exit(script.run(GOOD, BAD))
