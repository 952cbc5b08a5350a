#!/usr/bin/python3
"""Runs samples/digits with bad input, which it must refuse before it trains. That it works, tests/run.sh shows.

usage: tests/digits.py DIGITS
"""
import os
import subprocess
import sys

import script

DIGITS = os.path.abspath(sys.argv[1])


def call(*words):
    return subprocess.run([DIGITS, *words], capture_output=True, text=True, check=False)


def refused(expected, *words):
    return script.refused(call, words, [expected], 1, printed=0)


BAD = {
    "picture nowhere": refused("--out absent/digits.png: No such file or directory", "--out", "absent/digits.png"),
    "folder as picture": refused("--out .: Is a directory", "--out", "."),
    "activation": refused('--activation "rely": no such activation', "--activation", "rely"),
    "epochs": refused('--epochs "0": expected a number from 1 to 1000', "--epochs", "0"),
    "many epochs": refused('--epochs "1e3"', "--epochs", "1e3"),
    "argument": refused('unexpected argument "relu"', "relu"),
    "option": refused("see --help", "--picture", "digits.png"),
    "no data": refused("absent.csv: No such file or directory", "--data", "absent.csv", "--out", "digits.png"),
    "device": refused('no device matches "voodoo"', "--device", "voodoo", "--out", "digits.png"),
}

sys.exit(script.run([], BAD))
