#!/usr/bin/python3
"""Compares `vknorm run` with NumPy in float64, and checks what it says about bad input.

usage: tests/tool.py VKNORM [--validation]
"""
import json
import math
import os
import re
import subprocess
import sys

import numpy as np

import script

TOOL = os.path.abspath(sys.argv[1])
OPTIONS = ["--validation"] if "--validation" in sys.argv else []
random = np.random.default_rng(1)
erf = np.vectorize(math.erf)


def tensor(*shape, dtype=np.float32):
    return random.normal(1, 2, shape).astype(dtype)


def to_bf16(array):
    bits = np.asarray(array, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def from_bf16(array):
    return (array.astype(np.uint32) << 16).view(np.float32)


def call(*arguments):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False)


def command(operation, settings, ins, outs):
    words = ["run", operation]
    words += [word for key, value in settings.items() for word in ("--set", f"{key.replace('__', '.')}={value}")]
    words += [word for role in ins for word in ("--in", f"{role}=in_{role}.npy")]
    words += [word for role in outs for word in ("--out", f"{role}=out_{role}.npy")]
    return words


def run(operation, outs, ins, /, **settings):
    """Returns the outputs by role."""
    for role, array in ins.items():
        np.save(f"in_{role}.npy", array)
    result = call(*command(operation, settings, ins, outs), *OPTIONS)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", result.stderr
    assert not [name for name in os.listdir(".") if name.endswith(".tmp")]
    return {role: np.load(f"out_{role}.npy") for role in outs}


def close(is_, should, bound=2e-5):
    should = np.asarray(should, np.float64)
    assert is_.shape == should.shape, f"shape {is_.shape}, expected {should.shape}"
    worst = np.max(np.abs(is_.astype(np.float64) - should) / (1 + np.abs(should)), initial=0)
    assert worst <= bound, f"off by {worst}"


def normalize(x, axes, epsilon):
    x = x.astype(np.float64)
    mean = x.mean(axes, keepdims=True)
    inverse = 1 / np.sqrt(x.var(axes, keepdims=True) + epsilon)
    return (x - mean) * inverse, mean, inverse


def along(parameter, rank, axis=1):
    return parameter.astype(np.float64).reshape([-1 if i == axis else 1 for i in range(rank)])


# ------------------------------------------------------------------------------------ against NumPy


def batch_norm_train():
    x, gamma, beta, running = tensor(4, 3, 5, 6), tensor(3), tensor(3), tensor(3)
    moving = np.abs(tensor(3))
    out = run("batch_norm", ["y", "mean", "inv_std", "running_mean", "running_variance"],
              {"x": x, "gamma": gamma, "beta": beta, "running_mean": running, "running_variance": moving},
              axes=1, epsilon=1e-5, activation="relu", momentum=0.1, momentum_convention="new",
              running_variance="unbiased")
    xhat, mean, inverse = normalize(x, (0, 2, 3), 1e-5)
    close(out["y"], np.maximum(xhat * along(gamma, 4) + along(beta, 4), 0))
    close(out["mean"], mean.ravel())
    close(out["inv_std"], inverse.ravel())
    close(out["running_mean"], 0.9 * running + 0.1 * mean.ravel())
    close(out["running_variance"], 0.9 * moving + 0.1 * x.astype(np.float64).var((0, 2, 3), ddof=1))


def batch_norm_apply():
    x, mean, variance = tensor(4, 5, 3), tensor(3), np.abs(tensor(3))
    out = run("batch_norm", ["y"], {"x": x, "mean": mean, "variance": variance}, operation="apply", axes=-1,
              activation="leaky_relu", activation__negative_slope=0.2)
    z = (x - mean.astype(np.float64)) / np.sqrt(variance + 1e-3)
    close(out["y"], np.where(z > 0, z, 0.2 * z))


def gradient(xhat, inverse, dy, gamma, axes, parameter_axes):
    dz = dy * gamma
    dx = inverse * (dz - dz.mean(axes, keepdims=True) - xhat * (dz * xhat).mean(axes, keepdims=True))
    return dx, (dy * xhat).sum(parameter_axes), dy.sum(parameter_axes)


def batch_norm_gradient():
    x, dy, gamma, old = tensor(4, 3, 5, 6), tensor(4, 3, 5, 6), tensor(3), tensor(3)
    xhat, mean, inverse = normalize(x, (0, 2, 3), 1e-3)
    out = run("batch_norm", ["dx", "dgamma", "dbeta"],
              {"x": x, "dy": dy, "gamma": gamma, "mean": mean.ravel().astype(np.float32), "dgamma": old, "dbeta": old,
               "inv_std": inverse.ravel().astype(np.float32)},
              operation="train_gradient", axes=1, accumulate="true")
    dx, dgamma, dbeta = gradient(xhat, inverse, dy, along(gamma, 4), (0, 2, 3), (0, 2, 3))
    close(out["dx"], dx)
    close(out["dgamma"], old + dgamma, 1e-4)
    close(out["dbeta"], old + dbeta, 1e-4)


def layer_norm_f16():
    x, gamma, beta = tensor(6, 40, dtype=np.float16), tensor(40), tensor(40)
    out = run("layer_norm", ["y", "mean"], {"x": x, "gamma": gamma, "beta": beta}, axes=-1)
    xhat, mean, _ = normalize(x, (1,), 1e-5)
    assert out["y"].dtype == np.float16
    close(out["y"], xhat * gamma + beta, 1e-3)
    close(out["mean"], mean.ravel())


def layer_norm_gradient():
    x, dy, gamma = tensor(6, 4, 10), tensor(6, 4, 10), tensor(4, 10)
    xhat, mean, inverse = normalize(x, (1, 2), 1e-5)
    out = run("layer_norm", ["dx", "dgamma", "dbeta"],
              {"x": x, "dy": dy, "gamma": gamma, "mean": mean.ravel().astype(np.float32),
               "inv_std": inverse.ravel().astype(np.float32)}, operation="train_gradient", axes="1,2")
    for is_, should in zip(out.values(), gradient(xhat, inverse, dy, gamma.astype(np.float64), (1, 2), 0)):
        close(is_, should, 1e-4)


def rms_norm_to_f32():
    x, gamma = tensor(6, 40, dtype=np.float16), tensor(40)
    out = run("rms_norm", ["y"], {"x": x, "gamma": gamma}, axes=-1, y__type="f32")
    square = np.square(x.astype(np.float64)).mean(-1, keepdims=True)
    assert out["y"].dtype == np.float32
    close(out["y"], x / np.sqrt(square + 1e-6) * gamma)


def group_norm():
    x, gamma, beta = tensor(3, 6, 5, 5), tensor(6), tensor(6)
    out = run("group_norm", ["y", "mean", "inv_std"], {"x": x, "gamma": gamma, "beta": beta}, channel_axis=1, groups=2)
    xhat, mean, inverse = normalize(x.reshape(3, 2, 3, 5, 5), (2, 3, 4), 1e-5)
    close(out["y"], xhat.reshape(x.shape) * along(gamma, 4) + along(beta, 4))
    close(out["mean"], mean.reshape(3, 2))
    dy = tensor(3, 6, 5, 5)
    back = run("group_norm", ["dgamma"], {"x": x, "dy": dy, "gamma": gamma, "mean": out["mean"],
                                          "inv_std": out["inv_std"]},
               operation="train_gradient", channel_axis=1, groups=2)
    close(back["dgamma"], (dy * xhat.reshape(x.shape)).sum((0, 2, 3)), 1e-4)


def lp_norm():
    x = tensor(5, 30)
    out = run("lp_norm", ["y"], {"x": x}, axes=-1, power=3)
    close(out["y"], x / (np.abs(x.astype(np.float64)) ** 3).sum(-1, keepdims=True) ** (1 / 3))


def softmax_of(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax():
    x, dy = tensor(4, 3, 20), tensor(4, 3, 20)
    y = softmax_of(x.astype(np.float64), -1)
    close(run("softmax", ["y"], {"x": x}, axes=-1)["y"], y)
    back = run("softmax", ["dx"], {"dy": dy, "y": y.astype(np.float32)}, axes=-1, operation="train_gradient")
    close(back["dx"], y * (dy - (y * dy).sum(-1, keepdims=True)))


def softmax_mask():
    x, mask = tensor(4, 20), random.random((4, 20)) < 0.7
    out = run("softmax", ["y"], {"x": x, "mask": mask}, axes=-1, mask_stride="20,1")
    close(out["y"], softmax_of(np.where(mask, x.astype(np.float64), -np.inf), -1))


def log_softmax():
    x = tensor(4, 20, 3)
    out = run("log_softmax", ["y"], {"x": x}, axes=1)
    close(out["y"], np.log(softmax_of(x.astype(np.float64), 1)))


def gelu_bf16():
    x = tensor(7, 11)
    out = run("activation", ["y"], {"x": to_bf16(x)}, activation="gelu", x__type="bf16")
    z = from_bf16(to_bf16(x)).astype(np.float64)
    close(from_bf16(out["y"]), z * (1 + erf(z / math.sqrt(2))) / 2, 0.004)


def gradient_bf16():
    x, dy = to_bf16(tensor(7, 11)), to_bf16(tensor(7, 11))
    out = run("activation", ["dx"], {"x": x, "dy": dy}, activation="relu", operation="apply_gradient", x__type="bf16")
    assert (from_bf16(out["dx"]) == np.where(from_bf16(x) > 0, from_bf16(dy), 0)).all()


def strided_f16():
    x = tensor(5, 3, dtype=np.float16)
    out = run("activation", ["y"], {"x": x.ravel()[:13]}, activation="abs", shape=5, x__stride=3)
    assert (out["y"] == np.abs(x[:, 0])).all()


def activation_gradient():
    x, dy = tensor(7, 11), tensor(7, 11)
    out = run("activation", ["dx"], {"x": x, "dy": dy}, activation="tanh", operation="apply_gradient")
    close(out["dx"], dy / np.cosh(x.astype(np.float64)) ** 2)


def prelu():
    x, slope = tensor(4, 3, 7), tensor(3)
    out = run("activation", ["y"], {"x": x, "slope": slope}, activation="prelu", kept_axes=1)
    close(out["y"], np.where(x > 0, x, x * slope[:, None]))


def swiglu_strided():
    both = tensor(6, 16)
    out = run("activation", ["y"], {"x": both, "residual": both.ravel()[8:]}, activation="silu", residual_use="factor",
              shape="6,8", x__stride="16,1", residual__stride="16,1")
    x, gate = both[:, :8].astype(np.float64), both[:, 8:]
    close(out["y"], x / (1 + np.exp(-x)) * gate)


def nhwc_to_nchw():
    x = tensor(2, 5, 6, 3)
    out = run("batch_norm", ["y"], {"x": x}, axes=1, shape="2,3,5,6", x__stride="90,1,18,3")
    close(out["y"], normalize(x.transpose(0, 3, 1, 2), (0, 2, 3), 1e-3)[0])


def packed():
    x = tensor(2, 2, 5, 6, 4)
    out = run("batch_norm", ["y", "mean"], {"x": x}, axes="1,-1", channels=7, packed_axis=1)
    mean = x.transpose(1, 4, 0, 2, 3).reshape(8, -1).astype(np.float64).mean(1)
    close(out["mean"], mean[:7])


def reductions():
    x = tensor(4, 5, 6)
    wide = x.astype(np.float64)
    close(run("reduce", ["result"], {"x": x}, statistic="sum", axes="0,2")["result"], wide.sum((0, 2)), 1e-4)
    out = run("reduce", ["result", "index"], {"x": x}, statistic="max", axes=-1)
    close(out["result"], x.max(-1))
    assert out["index"].dtype == np.uint32 and (out["index"] == x.argmax(-1)).all()
    out = run("reduce", ["result"], {"x": x}, statistic="variance", axes="0,1,2", running_variance="unbiased")
    close(out["result"], [wide.var(ddof=1)])
    out = run("reduce", ["result"], {"x": x}, statistic="sum", axes=0, prologue="abs")
    close(out["result"], np.abs(wide).sum(0))


def moments_of_parts():
    x = tensor(8, 3, 5)
    moments = [run("batch_norm", ["moments"], {"x": part}, operation="statistics", axes=1)["moments"]
               for part in (x[:3], x[3:])]
    assert moments[0].shape == (3, 4)
    out = run("batch_norm", ["mean", "variance"], {"moments": np.stack(moments)}, operation="finish", axes=1,
              shape="8,3,5", moment_parts=2, count_epsilon=0)
    close(out["mean"], x.astype(np.float64).mean((0, 2)))
    close(out["variance"], x.astype(np.float64).var((0, 2)))


def virtual_batches():
    x = tensor(6, 3, 4)
    out = run("batch_norm", ["y", "mean"], {"x": x}, axes=1, virtual_batch_size=2)
    for batch in range(3):
        close(out["y"][batch::3], normalize(x[batch::3], (0, 2), 1e-3)[0])
        close(out["mean"][batch], x[batch::3].astype(np.float64).mean((0, 2)))


def every_strategy():
    x = tensor(4, 3, 5, 6)
    should = normalize(x, (0, 2, 3), 1e-3)[0]
    names = call("run", "--list").stdout.split("STRATEGIES\n")[1].split("\n\n")[0].split()
    served = 0
    np.save("in_x.npy", x)
    for name in names:
        result = call(*command("batch_norm", {"axes": 1, "strategy": name}, ["x"], ["y"]), *OPTIONS)
        if result.returncode == 0:
            close(np.load("out_y.npy"), should)
            assert f"strategy {name}," in result.stdout
            served += 1
        else:
            assert "cannot serve" in result.stderr or "strategy" in result.stderr, result.stderr
    assert served >= 5, names


def empty():
    assert run("batch_norm", ["y"], {"x": tensor(0, 3, 5)}, axes=1)["y"].shape == (0, 3, 5)


def listing():
    """Every role and attribute that the header has is documented."""
    header = open(HEADER, encoding="utf-8").read()
    listed = call("run", "--list").stdout
    roles = [line.split("VKN_ROLE_")[1].split()[0].lower() for line in header.split("\n")
             if line.startswith("    VKN_ROLE_") and "=" in line]
    fields = header.split("typedef struct VknDesc {")[1].split("} VknDesc;")[0]
    names = set(re.findall(r"^    \w+ (\w+)(?:\[\w+\])?;", fields, re.MULTILINE))
    tensors = {"x", "y", "residual", "dx"}
    for name in names - tensors - {"rank", "roles", "kept_axis_count", "parameter_axis_count"} | set(roles):
        assert f"\n  {name} " in listed or name == "workspace", name
    assert len(roles) >= 29 and len(names) > 35


def informs():
    result = call("info")
    assert result.returncode == 0 and "max_shared_bytes" in result.stdout and "layer_norm" in result.stdout, result


# ---------------------------------------------------------------------------------------- bad input


def refused(*expected, words, status=1):
    return script.refused(call, words, expected, status, printed=2)


def bad_files():
    """Files that are there for the cases below."""
    x = tensor(2, 3, 4)
    np.save("x.npy", x)
    np.save("y.npy", x)
    np.save("three.npy", tensor(3))
    np.save("four.npy", tensor(4))
    np.save("double.npy", x.astype(np.float64))
    np.save("big.npy", x.astype(">f4"))
    np.save("fortran.npy", np.asfortranarray(x))
    np.save("words.npy", np.zeros((2, 3, 4), np.uint16))
    np.save("scalar.npy", np.float32(1))
    good = open("x.npy", "rb").read()
    damaged = {"text.npy": b"1,2,3\n", "nothing.npy": b"", "half.npy": good[:30], "short.npy": good[:-1],
               "long.npy": good + b"\0", "version.npy": good[:6] + b"\4" + good[7:],
               "key.npy": good.replace(b"'shape'", b"'shapf'"), "paren.npy": good.replace(b"(2, 3, 4)", b"(2, 3, 4 "),
               "minus.npy": good.replace(b"(2, 3, 4)", b"(-2,3, 4)"),
               "huge.npy": good.replace(b"(2, 3, 4)", b"(99999999)"),
               "overflow.npy": good.replace(b"(2, 3, 4), }  ", b"(999999999,9999999999,)}")}
    for name, content in damaged.items():
        with open(name, "wb") as file:
            file.write(content)
    os.mkdir("folder.npy")


RELU = ["run", "activation", "--set", "activation=relu", "--out", "y=y.npy"]
NORM = ["run", "batch_norm", "--set", "axes=1", "--in", "x=x.npy"]
NORM_Y = NORM + ["--out", "y=y.npy"]

BAD = {
    "command": refused("no command rnu", "did you mean run?", words=["rnu"], status=2),
    "no operation": refused("which operation?", words=["run"], status=2),
    "operation": refused("no operation batch_nrom; did you mean batch_norm?", words=["run", "batch_nrom"], status=2),
    "two operations": refused("one operation at a time", words=NORM_Y + ["softmax"], status=2),
    "option": refused("no option --inn; did you mean in?", words=["run", "--inn", "x=x.npy"], status=2),
    "option without value": refused("--set needs a value", words=["run", "batch_norm", "--set"], status=2),
    "role": refused("no such role; did you mean gamma or dgamma?", words=NORM_Y + ["--in", "gama=three.npy"], status=2),
    "role without file": refused("expected role=file.npy", words=NORM_Y + ["--in", "gamma"], status=2),
    "role twice": refused("has a file already, x.npy", words=NORM_Y + ["--in", "x=four.npy"], status=2),
    "one file for two": refused("y is written to the same file", words=NORM_Y + ["--out", "mean=y.npy"], status=2),
    "workspace": refused("no such role", words=NORM_Y + ["--in", "workspace=x.npy"], status=2),
    "attribute": refused("no such attribute; did you mean epsilon?", words=NORM_Y + ["--set", "epsillon=1"], status=2),
    "attribute twice": refused("it is set twice", words=NORM_Y + ["--set", "axes=2"], status=2),
    "attribute without value": refused("expected attribute=value", words=NORM_Y + ["--set", "epsilon"], status=2),
    "attribute of another": refused("batch_norm has no groups", words=NORM_Y + ["--set", "groups=2"], status=2),
    "attribute missing": refused("softmax needs --set axes=", words=["run", "softmax"], status=2),
    "operation of reduce": refused("reduce has no operation", words=[
        "run", "reduce", "--set", "axes=1", "--set", "statistic=sum", "--set", "operation=train"], status=2),
    "direction": refused("operation=trian: no such value; did you mean train?", words=NORM_Y + [
        "--set", "operation=trian"], status=2),
    "list": refused("axes=1;2: expected whole numbers with commas", words=[
        "run", "softmax", "--set", "axes=1;2"], status=2),
    "list ends": refused("axes=1,: expected whole numbers", words=["run", "softmax", "--set", "axes=1,"], status=2),
    "list too long": refused("at most 8 numbers", words=[
        "run", "softmax", "--set", "axes=1,2,3,4,5,6,7,8,9"], status=2),
    "integer": refused("expected one whole number", words=NORM_Y + ["--set", "channels=3x"]),
    "negative": refused("a whole number that is not negative", words=NORM_Y + ["--set", "channels=-3"]),
    "number": refused("epsilon=tiny: expected a number", words=NORM_Y + ["--set", "epsilon=tiny"]),
    "bool": refused("accumulate=yes: expected true or false", words=NORM_Y + ["--set", "accumulate=yes"]),
    "word": refused("statistic=varianc: no such value; did you mean variance?", words=NORM_Y + [
        "--set", "statistic=varianc"]),
    "activation": refused("no such activation; did you mean leaky_relu?", words=NORM_Y + [
        "--set", "activation=leakyrelu"]),
    "parameter": refused("the activation elu has the parameters alpha", words=NORM_Y + [
        "--set", "activation=elu", "--set", "activation.slope=1"]),
    "no parameter": refused("the activation tanh has no parameters", words=NORM_Y + [
        "--set", "activation=tanh", "--set", "activation.slope=1"]),
    "strategy": refused("no such strategy; did you mean row_group", words=NORM_Y + ["--set", "strategy=row_grop"]),
    "input as output": refused("train reads gamma: name it --in", words=NORM_Y + ["--out", "gamma=g.npy"], status=2),
    "output as input": refused("train writes y: name it --out", words=NORM + ["--in", "y=x.npy"], status=2),
    "role of another": refused("train has no role result", words=NORM_Y + ["--out", "result=r.npy"], status=2),
    "update": refused("updates running_mean: it needs --in", words=NORM_Y + ["--out", "running_mean=r.npy"], status=2),
    "role missing": refused("TRAIN needs Y", words=NORM + ["--out", "mean=m.npy"]),
    "axis": refused("kept_axes", "7", words=[
        "run", "batch_norm", "--set", "axes=7", "--in", "x=x.npy", "--out", "y=y.npy"]),
    "epsilon": refused("epsilon", "-1", words=NORM_Y + ["--set", "epsilon=-1"]),
    "no shape": refused("the shape is not known", words=["run", "softmax", "--set", "axes=1", "--out", "y=y.npy"]),
    "no axes": refused("shape () has 0 axes", words=RELU + ["--in", "x=scalar.npy"]),
    "shape of gamma": refused("shape (4,), expected (3,)", words=NORM_Y + ["--in", "gamma=four.npy"]),
    "shape of x": refused("shape (2, 3, 4), expected (2, 3, 5)", words=NORM_Y + ["--set", "shape=2,3,5"]),
    "stride": refused("shape (2, 3, 4), expected at least (", words=NORM_Y + [
        "--set", "shape=2,3,4", "--set", "x.stride=100,4,1"]),
    "strides": refused("x.stride=4,1: numbers for 2 axes, but the shape has 3", words=NORM_Y + [
        "--set", "shape=2,3,4", "--set", "x.stride=4,1"]),
    "type of x": refused("expected 'f2'", words=NORM_Y + ["--set", "x.type=f16"]),
    "bfloat16": refused("bfloat16 needs --set x.type=bf16", words=RELU + ["--in", "x=words.npy"]),
    "double": refused("double.npy", "'<f8'", "astype(numpy.float32)", words=RELU + ["--in", "x=double.npy"]),
    "big-endian": refused("'>f4'", "little-endian", words=RELU + ["--in", "x=big.npy"]),
    "Fortran order": refused("Fortran order", "ascontiguousarray", words=RELU + ["--in", "x=fortran.npy"]),
    "no file": refused("absent.npy: No such file", words=RELU + ["--in", "x=absent.npy"]),
    "folder": refused("folder.npy: not a file", words=RELU + ["--in", "x=folder.npy"]),
    "output folder": refused("folder.npy: not a file", words=NORM + ["--out", "y=folder.npy"]),
    "output nowhere": refused("No such file", words=NORM + ["--out", "y=absent/y.npy"]),
    "second output": refused("No such file", words=NORM_Y + ["--out", "mean=absent/y.npy"]),
    "tune nothing": refused("which operation?", words=["tune"], status=2),
    "tune without shape": refused("needs --set shape=", words=["tune", "softmax", "--set", "axes=1"], status=2),
    "tune a role": refused("--roles x,yy: no such role; did you mean y", words=[
        "tune", "softmax", "--set", "axes=1", "--set", "shape=2,3", "--roles", "x,yy"], status=2),
    "tune a strategy": refused("strategy is 1", words=[
        "tune", "softmax", "--set", "axes=1", "--set", "shape=2,3", "--set", "strategy=column_fused"]),
    "tune a suite": refused("--suite smal: no such suite, there are all, resnet50, ", ", small, ", words=[
        "tune", "--suite", "smal", "--file", "tuned"], status=2),
    "tune a suite and more": refused("--suite small: its operations", words=[
        "tune", "softmax", "--suite", "small"], status=2),
    "tune into an array": refused("is no tuning file and is left as it is", words=[
        "tune", "activation", "--set", "activation=relu", "--set", "shape=100", "--file", "x.npy"]),
    "tune nowhere": refused("cannot write", words=[
        "tune", "activation", "--set", "activation=relu", "--set", "shape=100", "--file", "absent/tuned"]),
    "bench option": refused("--sute", words=["bench", "--sute", "small"], status=2),
    "bench suite": refused('vknorm bench: there is no suite "smal"', words=["bench", "--suite", "smal"], status=2),
    "bench case": refused('has "3x3" in its name', words=["bench", "--suite", "small", "--case", "3x3"], status=2),
    "bench samples": refused("--samples must be 5 to 100000", words=["bench", "--samples", "1"], status=2),
    "device": refused("no device matches \"voodoo\"", words=NORM_Y + ["--device", "voodoo"]),
    "text file": refused("text.npy: not a .npy file", words=RELU + ["--in", "x=text.npy"]),
    "empty file": refused("nothing.npy: not a .npy file", words=RELU + ["--in", "x=nothing.npy"]),
    "half a header": refused("the file ends in its header", words=RELU + ["--in", "x=half.npy"]),
    "too short": refused("damaged: shape (2, 3, 4)", "95 bytes", words=RELU + ["--in", "x=short.npy"]),
    "too long": refused("damaged: shape (2, 3, 4)", "97 bytes", words=RELU + ["--in", "x=long.npy"]),
    "version": refused("version 4.0", words=RELU + ["--in", "x=version.npy"]),
    "unknown key": refused("damaged: its header", words=RELU + ["--in", "x=key.npy"]),
    "no parenthesis": refused("damaged: its header", words=RELU + ["--in", "x=paren.npy"]),
    "negative shape": refused("damaged: its header", words=RELU + ["--in", "x=minus.npy"]),
    "no tuple": refused("damaged: its header", words=RELU + ["--in", "x=huge.npy"]),
    "overflow": refused("damaged: shape (999999999, 9999999999)", words=RELU + ["--in", "x=overflow.npy"]),
}

def tunes():
    """Two processes, two operations, one file."""
    words = ["tune", "layer_norm", "--set", "axes=-1", "--set", "shape=33,70", "--file", "tuned"]
    sizes = []
    for more in [], ["--roles", "x,y"], ["--roles", "x,y"]:
        result = call(*words, *more, *OPTIONS)
        assert result.returncode == 0, result.stderr
        assert result.stderr == "", result.stderr
        row = result.stdout.splitlines()[-1]
        found = re.fullmatch(r"\(33, 70\) +layer_norm +(\w+) +([\d.]+) +(\w+) +([\d.]+) +([\d.]+)x", row)
        assert found, row
        assert (found[1] == found[3]) == (found[5] == "1.00"), row
        sizes.append(os.path.getsize("tuned"))
    assert sizes[0] < sizes[1] == sizes[2], sizes
    with open("tuned", "r+b") as file:
        file.seek(100)
        file.write(b"?")
    result = call(*words, *OPTIONS)
    assert result.returncode == 0 and "damaged" in result.stderr, result.stderr
    assert os.path.getsize("tuned") == sizes[0]
    result = call("tune", "--help")
    assert result.returncode == 0 and "--suite NAME" in result.stdout


def cannot_save():
    """The name is long enough for the file beside it, which takes its place, to be one that cannot be."""
    result = call("tune", "softmax", "--set", "axes=-1", "--set", "shape=3,5", "--file", "t" * 250, *OPTIONS)
    assert result.returncode == 1, result.returncode
    assert result.stderr.count("cannot write the file of tuned strategies") == 1, result.stderr
    assert "t" * 250 not in os.listdir(".")


def benches():
    """What it prints, the JSON and the plot are of the same verified cases."""
    result = call("bench", "--suite", "small", "--case", "32x10", "--samples", "5", "--seconds", "0",
                  "--json", "b.json", "--plot", "b.svg")
    assert result.returncode == 0, result.stderr
    with open("b.json", encoding="utf-8") as file:
        found = json.load(file)
    assert {row["case"] for row in found["results"]} == {"32x10"}
    assert {"20 in turns", "20 together"} < {row["strategy"] for row in found["results"]}
    assert all(row["gpu_us"][1] > 0 and "failure" not in row for row in found["results"])
    for row in found["results"]:
        assert re.search(rf"^{row['case']} +{row['operation']} +{row['type']} +{row['strategy']}", result.stdout, re.M)
    with open("b.svg", encoding="utf-8") as file:
        assert file.read().count("<circle") >= len(found["results"])
    result = call("bench", "--help")
    assert result.returncode == 0 and "usage: vknorm bench" in result.stdout


GOOD = [batch_norm_train, batch_norm_apply, batch_norm_gradient, layer_norm_f16, layer_norm_gradient, rms_norm_to_f32,
        group_norm, lp_norm, softmax, softmax_mask, log_softmax, gelu_bf16, gradient_bf16, strided_f16,
        activation_gradient, prelu, swiglu_strided, nhwc_to_nchw, packed, reductions, moments_of_parts,
        virtual_batches, every_strategy, empty, listing, informs, tunes,
        cannot_save, benches]
HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../include/vknorm/vknorm.h")

sys.exit(script.run(GOOD, BAD, bad_files))
