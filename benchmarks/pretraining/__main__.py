"""Make the weights that come with the package, from series that are drawn by chance.

    python -m benchmarks.pretraining STEPS [--minutes MINUTES] [--out FILE]

Needs JAX, and for hours a GPU, without which it does nothing. `hourly-2` was made on an H200 in
seven and a half minutes, in about 44,900 steps of 1,024 windows for each of its two networks. The
others were made on two cores, in steps of 512: `daily-1` in 33 minutes and about 8,600 steps,
`business-daily-1` in 22 and 2,800, beside other work, `weekly-1` in 14 and 6,400, `monthly-1` in 16
and 10,900, `quarterly-1` in 6 and 4,100. Since `hourly-2` the longest gap is 192 hours instead of
199, and levels may be a little smoother; the levels of `weekly-1` and `quarterly-1` mixed the
smooth and the rough ways more evenly; the months of `business-daily-1` had 21 days. How many steps
the minutes hold is the machine's, so no two runs make the same file.
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
from models.learning.pretrained import KINDS, NETWORKS

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports Keras

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
    parser.add_argument("steps", choices=[kind.steps for kind in KINDS], help="of the series")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training, without compiling")
    parser.add_argument("--out", type=Path, default=Path(".benchmarks/weights.npz"))
    options = parser.parse_args()
    from benchmarks.pretraining.recipes import RECIPES
    from models.learning.device import num_gpus

    recipe = RECIPES[options.steps]
    if recipe.gpu and not num_gpus():
        tell("There is no GPU that JAX can see; the weights of the package stay as they are.")
        return 0
    options.out.parent.mkdir(parents=True, exist_ok=True)
    weights = _pretrain(recipe, 60 * options.minutes)
    np.savez_compressed(options.out, **weights)
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    tell(f"{options.out}: {options.out.stat().st_size:,} bytes, sha256 {digest}")
    return 0


def _pretrain(recipe: Any, seconds: float) -> dict[str, Any]:
    """Train every network for an equal number of steps; its weights, as the package keeps them."""
    import jax

    from benchmarks.pretraining.network import Pretraining
    from models.learning.learning_rate import learning_rate_share

    source, pace = recipe.source, recipe.pace
    fresh = jax.jit(lambda key: source.draw(key, pace.chunk))
    keys = iter(jax.random.split(jax.random.PRNGKey(SEED), 1_000_000))
    bank = [fresh(next(keys)) for _ in range(pace.bank)]
    networks = [
        Pretraining(network, source, seed=7 + 1000 * number, batch=pace.batch, decay=DECAY)
        for number, network in enumerate(NETWORKS)
    ]
    first = next(keys), _joined(bank), np.zeros(pace.round, np.float32)
    with ThreadPoolExecutor() as pool:  # compiles, which takes a minute each
        list(pool.map(lambda each: each.learn(*first), networks))
    begun, rounds = time.monotonic(), 0
    while (share := (time.monotonic() - begun) / seconds) < 1:
        rates = np.full(pace.round, RATE * learning_rate_share(share), np.float32)
        series = _joined(bank)
        losses = [float(each.learn(next(keys), series, rates)) for each in networks]
        bank[rounds % pace.bank] = fresh(next(keys))
        rounds += 1
        if rounds * pace.round % 400 == 0:
            shown = " ".join(f"{loss:.4f}" for loss in losses)
            tell(f"{rounds * pace.round:,} steps, {share:.0%} of the time, loss {shown}")
    return {
        f"{name}/{source.kind.scaling}/{path}": value.astype(np.float16)
        for name, network in zip(NETWORKS, networks, strict=True)
        for path, value in network.weights().items()
    }


def _joined(bank: list[Any]) -> Any:
    import jax.numpy as jnp

    return [jnp.concatenate(parts) for parts in zip(*bank, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
