"""Windows per second that a network of neuralforecast is trained on, the whole loop counted.

python -m benchmarks.peers.throughput FOLDER
"""

import sys
from pathlib import Path

from benchmarks.peers.job import Job, Outcome, cpu_seconds, today
from benchmarks.peers.neural import Training, prepare

WINDOWS = 128  # a step
HIDDEN = {"encoder_hidden_size": 128, "decoder_hidden_size": 128}
NO_LIMIT = 1e9


def main() -> None:
    """Train for some steps, and time all but the first, in which everything is set up."""
    prepare()
    folder = Path(sys.argv[1])
    job = Job.load(folder)
    steps = int(job.variant)
    settings = {**HIDDEN, "windows_batch_size": WINDOWS, "max_steps": steps}
    begun = cpu_seconds()
    times = Training(job, settings, NO_LIMIT).fit(job.read()).clock.times
    rate = WINDOWS * (steps - 1) / (times[-1] - times[0])
    outcome = Outcome(train_cpu=cpu_seconds() - begun, finished=today())
    outcome.details = {"windows_per_second": rate, "steps": steps}
    outcome.save(folder)


if __name__ == "__main__":
    main()
