"""Bring maps of different students to one scale on normal images (paper 3.4).

As EfficientAD (arXiv:2303.14535): a linear map sends the quantile q_a = 0.9 of normal cells (`low`) to 0 and q_b =
0.995 (`high`) to 0.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from csad.common.errors import DatasetError

if TYPE_CHECKING:
    from torch import Tensor

LOW_QUANTILE, LOW_VALUE = 0.9, 0.0
HIGH_QUANTILE, HIGH_VALUE = 0.995, 0.1
"""Quantiles of normal maps and the values that they get (paper 3.4)."""

SAMPLE_SIZE = 1 << 20
"""Map cells that a quantile is taken from; up to here it is exact, beyond it a random sample."""

LEAST_RELATIVE_SPREAD = 0.01
"""Maps of identical images hardly spread: the two quantiles count as at least this fraction of the upper one apart."""


class CellSample:
    """A uniform random sample of at most `size` values of a stream, in constant memory.

    Every value draws a key, the smallest keys stay.
    """

    def __init__(self, size: int, seed: int) -> None:
        import torch  # only fitting needs it, and models also run where there is none

        self._torch = torch
        self.size = size
        self._generator = torch.Generator().manual_seed(seed)
        self._keys = torch.empty(0, dtype=torch.float64)
        self.values = torch.empty(0)

    def add(self, values: Tensor) -> None:
        """Take in a tensor of any shape."""
        torch = self._torch
        flat = values.detach().flatten().cpu()
        keys = torch.rand(flat.numel(), generator=self._generator, dtype=torch.float64)
        self._keys, self.values = torch.cat([self._keys, keys]), torch.cat([self.values, flat])
        if self.values.numel() > self.size:
            self._keys, kept = self._keys.topk(self.size, largest=False)
            self.values = self.values[kept]


@dataclass(frozen=True)
class MapNormaliser:
    """Linear change of scale that sends `low` to 0 and `high` to 0.1.

    Attributes:
        low: 0.9 quantile of the cells of normal maps.
        high: 0.995 quantile, above `low`.
    """

    low: float
    high: float

    @classmethod
    def fit(cls, maps: Iterable[Tensor], seed: int, sample_size: int = SAMPLE_SIZE) -> MapNormaliser:
        """Measure the quantiles on the maps (B, h, w) of normal validation images.

        Raises:
            DatasetError: There is no map.
        """
        sample = CellSample(sample_size, seed)
        for batch in maps:
            sample.add(batch)
        return cls.from_sample(sample.values)

    @classmethod
    def from_sample(cls, values: Tensor) -> MapNormaliser:
        """Measure the quantiles on values (n,).

        Raises:
            DatasetError: There is no value.
        """
        import torch

        if not values.numel():
            raise DatasetError("Found 0 normal validation maps, expected at least 1. Add normal validation images.")
        quantiles = torch.tensor([LOW_QUANTILE, HIGH_QUANTILE], dtype=torch.float64)
        low, high = torch.quantile(values.double(), quantiles).tolist()
        least = max(LEAST_RELATIVE_SPREAD * abs(high), torch.finfo(torch.float32).tiny)
        return cls(low, max(high, low + least))

    def __call__(self, values: Any) -> Any:
        """Change the scale of a map of any shape, an array or a tensor."""
        return LOW_VALUE + (HIGH_VALUE - LOW_VALUE) * (values - self.low) / (self.high - self.low)
