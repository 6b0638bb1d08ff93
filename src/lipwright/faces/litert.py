"""A TFLite network on LiteRT, one interpreter per thread.

An interpreter owns its tensors and is not thread-safe, so each worker makes its own `Network`. One thread inside each:
on these small nets LiteRT's own threads cost more than they bring (10.7 against 8.8 ms measured), and parallelism over
frames is free. `invoke` releases the GIL.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from lipwright.errors import ModelFileError
from lipwright.models.registry import model_path


class Network:
    """One loaded model: float32 arrays in, the model's outputs by their size out."""

    def __init__(self, name: str) -> None:
        """Load the registered model `name`; raises `ModelFileError` if it is missing or not a model."""
        try:
            self._interpreter = Interpreter(str(model_path(name)), num_threads=1)
            self._interpreter.allocate_tensors()
        except ValueError as error:
            raise ModelFileError(f"The model file {name} cannot be loaded: {error}") from error
        entry = self._interpreter.get_input_details()[0]
        self._input: int = entry["index"]
        self.input_shape: tuple[int, ...] = tuple(int(n) for n in entry["shape"])
        self._outputs: tuple[int, ...] = tuple(o["index"] for o in self._interpreter.get_output_details())

    def __call__(self, values: NDArray[np.float32]) -> Mapping[int, NDArray[np.float32]]:
        """Run on `values` (the input's shape); output tensors keyed by number of elements, as orders differ per file.

        Where several outputs have one size, the first is kept.
        """
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        found: dict[int, NDArray[np.float32]] = {}
        for index in self._outputs:
            tensor: NDArray[np.float32] = self._interpreter.get_tensor(index)
            found.setdefault(tensor.size, tensor)
        return found


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logistic function, clipped so that float32 cannot overflow."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -80.0, 80.0))), dtype=np.float32)
