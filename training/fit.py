"""Fitting the head with PyTorch on the CPU: a few minutes, seeds fixed.

Weighted cross entropy (square root of inverse class frequency: closures are rare and matter most), whole feature
channels dropped at random so that no single one is relied on, a cosine learning rate, and an average of the weights
of the last part of the run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import swa_utils

from lipwright.speech.encoder import WIDTH
from lipwright.speech.head import EPSILON
from lipwright.speech.visemes import VISEMES
from training.dataset import Example

HIDDEN = 144
DILATIONS = (1, 2, 4)
SCALE = 3.0
CROP = 160  # encoder frames, 3.2 s
BATCH = 16


class HeadNet(nn.Module):
    """The same network as `lipwright.speech.head.VisemeHead`, trainable."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(WIDTH, HIDDEN, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Conv1d(HIDDEN, HIDDEN, 3, padding=d, dilation=d) for d in DILATIONS)
        self.last = nn.Conv1d(HIDDEN, 2 * len(VISEMES), 1)

    def forward(self, features: Tensor) -> Tensor:
        """(b, n, 512) features to (b, 2 n, 14) scores."""
        x = functional.gelu(self.first(features.transpose(1, 2) / SCALE), approximate="tanh")
        x = functional.dropout(x, 0.15, self.training)
        for block in self.blocks:
            z = x - x.mean(1, keepdim=True)
            z = z / torch.sqrt((z**2).mean(1, keepdim=True) + EPSILON)
            x = x + functional.dropout(functional.gelu(block(z), approximate="tanh"), 0.1, self.training)
        scores: Tensor = self.last(x)
        return scores.transpose(1, 2).reshape(len(features), -1, len(VISEMES))


def fit(examples: list[Example], steps: int, seed: int, threads: int = 1) -> HeadNet:
    """Train a head on the examples."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng(seed)
    counts = np.bincount(np.concatenate([e.labels for e in examples]), minlength=len(VISEMES)).astype(np.float64)
    rarity = np.sqrt(counts.sum() / len(VISEMES) / np.maximum(counts, 1))
    weights = torch.tensor(rarity, dtype=torch.float32).clamp(0.4, 3)
    lengths = np.array([len(e.features) for e in examples], float)
    net = HeadNet()
    decay = swa_utils.get_ema_multi_avg_fn(0.995)  # type: ignore[no-untyped-call]  # torch ships it without types
    averaged = swa_utils.AveragedModel(net, multi_avg_fn=decay)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=2e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=2e-3, total_steps=steps, pct_start=0.08)
    for step in range(steps):
        x, y = _batch(examples, lengths, rng)
        keep = torch.from_numpy((rng.random((BATCH, 1, WIDTH)) > 0.1).astype(np.float32))
        scores = net(torch.from_numpy(x) * keep / 0.9)
        loss = functional.cross_entropy(
            scores.reshape(-1, len(VISEMES)),
            torch.from_numpy(y).reshape(-1),
            weights,
            ignore_index=-1,
            label_smoothing=0.03,
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        averaged.update_parameters(net)
        if step % 200 == 0:
            print(f"step {step}/{steps} loss {loss.item():.3f}", flush=True)
    net.load_state_dict(averaged.module.state_dict())
    return net.eval()


def _batch(
    examples: list[Example], lengths: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    x = np.zeros((BATCH, CROP, WIDTH), np.float32)
    y = np.full((BATCH, 2 * CROP), -1, np.int64)
    for row, index in enumerate(rng.choice(len(examples), BATCH, p=lengths / lengths.sum())):
        example = examples[index]
        start = int(rng.integers(0, max(1, len(example.features) - CROP + 1)))
        part = example.features[start : start + CROP]
        x[row, : len(part)] = part
        y[row, : 2 * len(part)] = example.labels[2 * start : 2 * start + 2 * len(part)]
    return x, y


def save(net: HeadNet, path: Path) -> None:
    """Write the head as the package reads it: half floats, convolutions as (taps, in, out)."""

    def half(tensor: Tensor) -> NDArray[np.float16]:
        return tensor.detach().numpy().astype(np.float16)

    arrays: dict[str, NDArray[np.generic]] = {
        "scale": np.float32(SCALE),  # type: ignore[dict-item]
        "dilations": np.array(DILATIONS, np.int32),
        "first_weight": half(net.first.weight.permute(2, 1, 0)),
        "first_bias": half(net.first.bias),  # type: ignore[arg-type]
        "last_weight": half(net.last.weight[:, :, 0].T),
        "last_bias": half(net.last.bias),  # type: ignore[arg-type]
    }
    for i, block in enumerate(net.blocks):
        assert isinstance(block, nn.Conv1d) and block.bias is not None  # noqa: PT018 - tells mypy both
        arrays[f"block{i}_weight"] = half(block.weight.permute(2, 1, 0))
        arrays[f"block{i}_bias"] = half(block.bias)
    np.savez(path, **arrays)  # type: ignore[arg-type]
