"""Where networks are trained and run: on the CPU, on a GPU, or on several that share each batch."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from data_contracts.errors import SpecError

AUTO, CPU, GPU = "auto", "cpu", "gpu"
JAX, TENSORFLOW = "jax", "tensorflow"
MIXED = "mixed_bfloat16"


@dataclass(frozen=True)
class Device:
    """What a model is compiled for.

    Attributes:
        kind: `cpu` or `gpu`.
        count: Devices of that kind that share each batch.
        mixed: Whether layers that allow it compute in bfloat16; weights are float32 always.
    """

    kind: str = CPU
    count: int = 1
    mixed: bool = False

    @property
    def jit(self) -> bool | str:
        """Whether XLA compiles: under JAX always, under TensorFlow never on a CPU.

        There it takes fifteen seconds to compile and then more than twice as long per step. On a
        GPU `auto` makes way for fused LSTM kernels and for operations that repeat their bits.
        """
        return "auto" if self.kind == GPU or backend() == JAX else False

    @property
    def unrolls(self) -> bool:
        """Whether an LSTM is better written out step by step; a GPU has a kernel for all of it."""
        return self.kind == CPU and backend() == TENSORFLOW

    @contextmanager
    def scope(self) -> Generator[None]:
        """Build and run models on this device; other threads are not concerned."""
        import keras

        policy = keras.config.dtype_policy()
        with ExitStack() as stack:
            if self.count > 1:
                stack.enter_context(_distribution(self.kind, self.count).scope())
            elif self.kind == CPU and num_gpus():
                stack.enter_context(keras.device(f"{self.kind}:0"))
            if self.mixed:
                keras.config.set_dtype_policy(MIXED)
                stack.callback(keras.config.set_dtype_policy, policy)
            yield

    def shared(self, model: Any) -> Any:
        """A model whose steps take each device's part of a batch."""
        if self.count == 1 or backend() == JAX:
            return model
        return _shared_model()(model.input, model.output, name=model.name)

    def optimizer(self, **settings: Any) -> Any:
        """AdamW, which clips the gradient of the whole batch however many devices share it."""
        import keras

        if self.count == 1 or backend() == JAX:
            return keras.optimizers.AdamW(**settings)
        settings["clipnorm"] /= self.count
        return _shared_adamw()(**settings)

    def fill(self, arrays: Any, target: Any, weights: Any) -> tuple[Any, Any, Any]:
        """A batch that can be cut in as many equal parts as there are devices.

        Rows of weight zero fill the last part up, and the others weigh as much more, so that the
        mean loss stays what it is.

        Args:
            arrays: What a model is called with, each of `B` rows.
            target: As compiled for, of `B` rows.
            weights: One per row, or a list of such.
        """
        import keras

        rows = len(keras.tree.flatten(weights)[0])
        full = -(-rows // self.count) * self.count
        if full == rows:
            return arrays, target, weights
        source = np.minimum(np.arange(full), rows - 1)
        factor = np.where(np.arange(full) < rows, full / rows, 0).astype(np.float32)
        arrays, target = keras.tree.map_structure(lambda rows: rows[source], (arrays, target))
        return arrays, target, keras.tree.map_structure(lambda each: each[source] * factor, weights)


def backend() -> str:
    """Name of the backend that Keras runs on."""
    import keras

    return keras.backend.backend()


def training_device(wanted: str) -> Device:
    """Where to train: in mixed precision on all visible GPUs, else on the CPU.

    Args:
        wanted: `auto`, `cpu` or `gpu`.

    Raises:
        SpecError: If a GPU is wanted and none is visible.
    """
    check_device(wanted)
    count = _take_gpus(wanted)
    return Device(GPU, count, mixed=True) if count else Device()


def forecasting_device(wanted: str) -> Device:
    """Where to forecast: as trained, or on the CPU where there is no GPU; always in float32."""
    return Device(GPU if _take_gpus(wanted) else CPU)


def _take_gpus(wanted: str) -> int:
    """How many GPUs there are to compute on, with operations that give the same bits each time."""
    count = 0 if wanted == CPU else num_gpus()
    if count and backend() == TENSORFLOW:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    return count


def check_device(wanted: str) -> None:
    """Refuse a GPU where there is none.

    Raises:
        SpecError: If a GPU is wanted and none is visible.
    """
    if wanted == GPU and not num_gpus():
        raise SpecError(
            f"training.device: expected auto or cpu where {backend()} sees no GPU, got 'gpu'; "
            "install its GPU extra and driver, or take auto."
        )


@cache
def num_gpus() -> int:
    """GPUs that the backend sees; `CUDA_VISIBLE_DEVICES` narrows them."""
    if backend() == JAX:
        import jax

        return sum(device.platform == GPU for device in jax.local_devices())
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


@cache
def _distribution(kind: str, count: int) -> Any:
    """Data parallelism as the backend does it itself."""
    names = [f"{kind}:{number}" for number in range(count)]
    if backend() == JAX:
        import keras

        return keras.distribution.DataParallel(devices=names)
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(names)


@cache
def _shared_model() -> Any:
    import keras
    import tensorflow as tf

    def part(data: Any) -> Any:
        replica = tf.distribute.get_replica_context()
        count, number = replica.num_replicas_in_sync, replica.replica_id_in_sync_group
        return keras.tree.map_structure(
            lambda rows: tf.reshape(rows, (count, -1, *rows.shape[1:]))[number], data
        )

    class SharedModel(keras.Model):
        """TensorFlow hands every replica the whole batch; each goes on with its part."""

        def train_step(self, data: Any) -> Any:
            return super().train_step(part(data))

        def test_step(self, data: Any) -> Any:
            return super().test_step(part(data))

    return SharedModel


@cache
def _shared_adamw() -> Any:
    import keras
    import tensorflow as tf

    class SharedAdamW(keras.optimizers.AdamW):
        """Clips what the replicas found together, where Keras clips what each found alone."""

        def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
            replica = tf.distribute.get_replica_context()
            # Keras adds these equal parts up again, so each is clipped to its share of the norm.
            means = replica.all_reduce(tf.distribute.ReduceOp.MEAN, list(grads))
            return super().apply(means, trainable_variables)

    return SharedAdamW
