import pyarrow as pa

from data_contracts import baselines, forecasts
from data_contracts.baselines import KEY, schema


def test_rows_are_those_of_a_batch_without_what_only_a_batch_has():
    levels = (0.1, 0.5)
    batch = forecasts.schema(levels)

    beside = set(batch.names) - set(schema(levels).names)

    assert beside == {"model_version", "quality", "issued_at"}
    assert all(
        schema(levels).field(name).type == batch.field(name).type for name in schema(levels).names
    )
    assert KEY == forecasts.KEY


def test_only_numbers_may_be_missing():
    missing = [field.name for field in schema((0.5,)) if field.nullable]

    assert missing == ["mean", "q50"]
    assert baselines.PARTITION_BY == ("cutoff_date",)
    assert pa.types.is_date(schema(()).field("cutoff_date").type)
