"""Compiled models that networks of the same shape take turns in.

Tracing a model costs seconds and memory that TensorFlow does not give back; putting other numbers
into its variables costs milliseconds. So each shape of network is compiled once per process.
"""

import threading
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from models.learning.device import Device
from models.learning.settings import NetworkSettings
from models.learning.window_inputs import Arrays
from models.networks import all_layers, build_network, freeze
from models.panel import Floats

MOST_KEPT = 24  # compiled models; a night needs one per network, scaling and context
MOST_UNROLLED = 28  # steps of an LSTM; more of them take long to compile
_Key = tuple[str, NetworkSettings, Device, tuple[str, ...]]
_KEPT: OrderedDict[_Key, "Workbench"] = OrderedDict()
_LOCK = threading.RLock()


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows to learn from.

    Attributes:
        arrays: What a network is called with, by name.
        target: What came, NaN where not observed, shape `(B, H)`.
        weights: How much each window counts, shape `(B,)`.
        auxiliary: What came of the auxiliary targets, NaN where missing, shape `(B, H, A)`.
        auxiliary_weight: What they count beside the target.
    """

    arrays: Arrays
    target: Floats
    weights: Floats
    auxiliary: Floats
    auxiliary_weight: float


class Workbench:
    """One compiled model and its optimizer. Use it under `with`: one network at a time.

    Args:
        network: Name of the network.
        sizes: Its shape.
        device: Where it computes.
        frozen: Groups of layers that do not learn.
    """

    def __init__(
        self, network: str, sizes: NetworkSettings, device: Device, frozen: tuple[str, ...] = ()
    ) -> None:
        from models.learning.pinball import PinballLoss

        self._device = device
        self._patch_length = sizes.patch_length
        self.learning_rate = 0.0  # of the last step
        self._inside: list[ExitStack] = []
        loss: Any = PinballLoss(sizes.quantile_levels)
        self._auxiliary = bool(sizes.auxiliary)
        if self._auxiliary:
            units = [sizes.past_scales[position] for position in sizes.auxiliary]
            loss = [loss, PinballLoss(sizes.quantile_levels, units)]
        with device.scope():
            self.model = device.shared(build_network(network, sizes, seed=0))
            if device.unrolls:
                _unroll(self.model)
            freeze(self.model, frozen)
            self._optimizer = device.optimizer(weight_decay=1e-3, clipnorm=1.0)
            self.model.compile(self._optimizer, loss, jit_compile=device.jit)
            self._optimizer.build(self.model.trainable_variables)
            self._fresh = [np.array(value) for value in self._optimizer.variables]

    def __enter__(self) -> "Workbench":
        with ExitStack() as stack:
            stack.enter_context(_LOCK)
            stack.enter_context(self._device.scope())
            self._inside.append(stack.pop_all())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # TensorFlow may have been stopped while it held a lock of the model
            _throw_away(self)
        self._inside.pop().close()

    def put(self, network: Any) -> None:
        """Take over all variables of a network, dropout's too."""
        from keras import ops

        for variable, value in zip(self.model.variables, network.variables, strict=True):
            variable.assign(ops.copy(value))  # JAX hands a step its variables to write over

    def start(self, network: Any) -> None:
        """Take over a network to train it, and forget what the optimizer knew of another."""
        self.put(network)
        for variable, value in zip(self._optimizer.variables, self._fresh, strict=True):
            variable.assign(value)

    def step(self, batch: Batch, learning_rate: float) -> float:
        """Learn from one batch; its mean loss before that."""
        self._optimizer.learning_rate = self.learning_rate = learning_rate
        wanted = self._wanted(batch, batch.auxiliary_weight)
        return self.model.train_on_batch(*wanted, return_dict=True)["loss"]

    def loss(self, batch: Batch) -> float:
        """Mean loss of one batch, of the target alone, without learning."""
        wanted = self._wanted(batch, 0.0)
        return self.model.test_on_batch(*wanted, return_dict=True)["loss"]

    def _wanted(self, batch: Batch, auxiliary_weight: float) -> tuple[Any, Any, Any]:
        """Inputs, what each output should have been, and how much each window of it counts."""
        target: Any = batch.target
        weights: Any = batch.weights
        if self._auxiliary:
            target = [batch.target, batch.auxiliary]
            weights = [batch.weights, np.full_like(batch.weights, auxiliary_weight)]
        return self._device.fill(batch.arrays, target, weights)

    def predict(self, arrays: Arrays) -> Floats:
        """Quantiles of a batch, shape `(B, H, Q)`."""
        return self._outputs(arrays)[0]

    def predict_auxiliary(self, arrays: Arrays) -> Floats:
        """Quantiles of the auxiliary targets of a batch, shape `(B, H, A, Q)`."""
        return self._outputs(arrays)[1]

    def _outputs(self, arrays: Arrays) -> list[Floats]:
        outputs = self.model.predict_on_batch(arrays)
        rows = len(arrays["context"])  # each of several devices answers to all of them
        return [np.asarray(each)[:rows] for each in (outputs if self._auxiliary else [outputs])]

    def attention(self, arrays: Arrays) -> Floats:
        """Where the network looked, shape `(B, N * steps_per_head, J, T)`.

        Raises:
            ValueError: If the network `has_attention` not.
        """
        return np.asarray(self._looking.predict_on_batch(arrays))

    @property
    def has_attention(self) -> bool:
        """Whether the network looks at past patches."""
        return any(layer.name == "attention" for layer in self.model.layers)

    @property
    def steps_per_head(self) -> int:
        """Steps of a patch of the horizon that have weights of their own."""
        from models.layers.patch_mixture import PatchMixture

        mixing = (layer for layer in all_layers(self.model) if isinstance(layer, PatchMixture))
        return self._patch_length if any(layer.per_step for layer in mixing) else 1

    @cached_property
    def _looking(self) -> Any:
        import keras

        return keras.Model(self.model.input, self.model.get_layer("attention").output)


def workbench(
    network: str, sizes: NetworkSettings, device: Device, *, frozen: tuple[str, ...] = ()
) -> Workbench:
    """The compiled model of this shape on this device, made when it is first asked for."""
    with _LOCK:
        key = network, sizes.shape, device, frozen
        if key not in _KEPT:
            _KEPT[key] = Workbench(*key)
        _KEPT.move_to_end(key)
        while len(_KEPT) > MOST_KEPT:
            _KEPT.popitem(last=False)
        return _KEPT[key]


def _unroll(model: Any) -> None:
    """Write the steps of short walks out: a loop costs TensorFlow an eighth of a training step."""
    import keras

    for layer in all_layers(model):
        if isinstance(layer, keras.layers.LSTM) and layer.output.shape[1] <= MOST_UNROLLED:
            layer.unroll = True


def _throw_away(bench: Workbench) -> None:
    for key in [key for key, kept in _KEPT.items() if kept is bench]:
        del _KEPT[key]
