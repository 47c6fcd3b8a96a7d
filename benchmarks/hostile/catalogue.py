"""All ways to spoil the input."""

from benchmarks.hostile import covariates, files, keys, several, values
from benchmarks.hostile.material import Case

CASES: tuple[Case, ...] = (
    *values.ALL,
    *keys.ALL,
    *files.ALL,
    *covariates.ALL,
    *several.ALL,
)
