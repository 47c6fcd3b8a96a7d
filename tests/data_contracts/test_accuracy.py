import pytest

from data_contracts.accuracy import KEY, schema, segment_columns


@pytest.mark.parametrize(
    ("statics", "columns"),
    [
        ((), []),
        (("airport", "carrier"), ["airport", "carrier"]),
        (("model", "Scale"), ["model_", "Scale_"]),
        (("a b", "a_b", "a=b"), ["a_b", "a_b_", "a_b__"]),
    ],
    ids=["none", "as they are", "taken", "forbidden letters"],
)
def test_every_static_covariate_is_a_column_of_its_own(statics, columns):
    assert list(segment_columns(statics).values()) == columns
    names = [name.lower() for name in schema(statics).names]
    assert len(set(names)) == len(names)


def test_the_key_is_required():
    assert not any(schema(()).field(name).nullable for name in KEY)
