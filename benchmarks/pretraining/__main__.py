"""Make the weights that come with the package, from series that are drawn by chance.

    python -m benchmarks.pretraining [--minutes MINUTES] [--out FILE]

Needs JAX and a GPU, and does nothing without. `hourly-2` was made by this recipe on an H200, in
seven and a half minutes: about 44,900 steps of 1,024 windows for each of its two networks. How
many steps the minutes hold is the machine's, so no two runs make the same file.
"""

import argparse
import hashlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import tell

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports Keras

BANK, CHUNK = 24, 4096  # chunks of series at hand, and series in each; one is new every round
ROUND = 20  # steps of every network
BATCH = 1024
RATE = 2e-3  # learning rate at its highest
DECAY = 1e-3
SEED = 2026


def main() -> int:
    """Train for some minutes, write the file, and print its checksum."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pretraining",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="on the GPU, without compiling")
    parser.add_argument("--out", type=Path, default=Path(".benchmarks/hourly.npz"))
    options = parser.parse_args()
    from models.learning.device import num_gpus

    if not num_gpus():
        tell("There is no GPU that JAX can see; the weights of the package stay as they are.")
        return 0
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out, **_pretrain(60 * options.minutes))
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    tell(f"{options.out}: {options.out.stat().st_size:,} bytes, sha256 {digest}")
    return 0


def _pretrain(seconds: float) -> dict[str, Any]:
    """Train every network for an equal number of steps; its weights, as the package keeps them."""
    import jax

    from benchmarks.pretraining.network import Pretraining
    from benchmarks.pretraining.series import draw
    from models.learning.learning_rate import learning_rate_share
    from models.learning.pretrained import NETWORKS, SCALINGS

    fresh = jax.jit(lambda key: draw(key, CHUNK))
    keys = iter(jax.random.split(jax.random.PRNGKey(SEED), 1_000_000))
    bank = [fresh(next(keys)) for _ in range(BANK)]
    pairs = [(network, scaling) for network in NETWORKS for scaling in SCALINGS]
    networks = [
        Pretraining(*pair, seed=7 + 1000 * number, batch=BATCH, decay=DECAY)
        for number, pair in enumerate(pairs)
    ]
    first = next(keys), _joined(bank), np.zeros(ROUND, np.float32)
    with ThreadPoolExecutor() as pool:  # compiles, which takes a minute each
        list(pool.map(lambda each: each.learn(*first), networks))
    begun, rounds = time.monotonic(), 0
    while (share := (time.monotonic() - begun) / seconds) < 1:
        rates = np.full(ROUND, RATE * learning_rate_share(share), np.float32)
        series = _joined(bank)
        losses = [float(each.learn(next(keys), series, rates)) for each in networks]
        bank[rounds % BANK] = fresh(next(keys))
        rounds += 1
        if rounds % 20 == 0:
            tell(f"{rounds * ROUND:,} steps, loss {' '.join(f'{loss:.4f}' for loss in losses)}")
    return {
        f"{network}/{scaling}/{path}": value.astype(np.float16)
        for (network, scaling), each in zip(pairs, networks, strict=True)
        for path, value in each.weights().items()
    }


def _joined(bank: list[Any]) -> Any:
    import jax.numpy as jnp

    return [jnp.concatenate(parts) for parts in zip(*bank, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
