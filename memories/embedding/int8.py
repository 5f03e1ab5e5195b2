"""The encoder with its products in int8: two thirds of the time of fp32, and the same vector in every company.

The usual dynamic quantisation scales by what a run happens to contain, so a text gets another vector in another batch.
Here every scale is fixed. Each channel of a product's input is divided by a share of its known range, which its row of
the weight takes on (SmoothQuant, Xiao et al. 2023), so that a few loud channels do not cost all others their precision.
The ranges were seen in fp32 (scripts/measure_embedding_ranges.py) and lie beside this file. What comes of it, against
the reference: benchmarks/embedding.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from memories.embedding.encoder import Graph

RANGES_FILE = Path(__file__).with_name("int8_ranges.npz")
"""For each product "NAME_low" and "NAME_high": what its input channels lie between, but for some outliers."""

LOUD_SHARE = 0.75
"""How much of a channel's range is moved into the weight (SmoothQuant's alpha). By cosine to fp32 the best of 0.7 to
0.9; its authors' 0.5 is far too little here, where one channel is hundreds of times as loud as another."""
QUIETEST = 1e-6  # range of a channel that never says anything

INPUT_LEVELS = 255  # of an unsigned byte
WEIGHT_LEVELS = 100
"""Of a signed byte's 127: AVX2 adds two products in 16 bits, and with all of them sums overflow in practice. By cosine
to fp32 the best of 63, 75, 90, 100 and 127."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """A dense layer whose product multiplies bytes: `round(x * evening / step) + zero` by `weight`."""

    evening: np.ndarray
    """What each input channel is multiplied by first."""
    step: np.float32
    zero: np.uint8
    weight: np.ndarray
    """Signed bytes, inputs x outputs."""
    weight_steps: np.ndarray
    """What a unit of `weight` is worth, of each output."""
    bias: np.ndarray


def quantised(weight: np.ndarray, bias: np.ndarray, name: str) -> Quantised:
    """The dense layer called `name` in int8; `weight` is inputs x outputs."""
    low, high = _ranges()[f"{name}_low"], _ranges()[f"{name}_high"]
    divisor = _divisor(np.maximum(high, -low), weight)
    weight = weight * divisor[:, None]
    least = (low / divisor).min()
    step = ((high / divisor).max() - least) / INPUT_LEVELS
    steps = np.abs(weight).max(axis=0) / WEIGHT_LEVELS
    return Quantised(
        evening=1 / divisor,
        step=np.float32(step),
        zero=np.uint8(np.clip(np.round(-least / step), 0, INPUT_LEVELS)),
        weight=np.round(weight / steps).astype(np.int8),
        weight_steps=steps,
        bias=bias,
    )


@dataclass(slots=True)
class Int8Graph(Graph):
    """A graph whose dense layers multiply bytes; everything else stays fp32."""

    def dense(self, source: str, weight: np.ndarray, bias: np.ndarray, output: str) -> str:
        layer = quantised(weight, bias, output)
        evened = self.op("Mul", [source, self.constant(f"{output}_evening", layer.evening)], f"{output}_evened")
        scale = self.constant(f"{output}_step", layer.step)
        zero = self.constant(f"{output}_zero", layer.zero)
        inputs = [
            self.op("QuantizeLinear", [evened, scale, zero], f"{output}_bytes"),
            self.constant(f"{output}_w", layer.weight),
            scale,
            self.constant(f"{output}_w_steps", layer.weight_steps),
            zero,
            self.constant(f"{output}_w_zeros", np.zeros(len(bias), dtype=np.int8)),
            self.constant(f"{output}_b", layer.bias),
        ]
        return self.op("MatMulIntegerToFloat", inputs, output, domain="com.microsoft")


def _divisor(reach: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What each input channel is divided by, 1 on average: reach^a / (its largest weight)^(1 - a), a = LOUD_SHARE."""
    divisor = np.maximum(reach, QUIETEST) ** LOUD_SHARE / np.abs(weight).max(axis=1) ** (1 - LOUD_SHARE)
    return np.asarray(divisor / divisor.mean())


@cache
def _ranges() -> dict[str, np.ndarray]:
    with np.load(RANGES_FILE) as file:
        return {name: file[name].astype(np.float32) for name in file.files}
