import pytest

from data_contracts.errors import VersionError
from data_contracts.versions import refuse_newer


@pytest.mark.parametrize(("found", "version"), [(None, 1), (1, 1), ("2", 2), (3, 3)])
def test_what_says_no_version_is_of_the_first_and_known_ones_are_read(found, version):
    assert refuse_newer("night.json", found, 3) == version


@pytest.mark.parametrize("found", [4, "17", 0, -1, "latest", [1], {}])
def test_a_version_that_is_not_known_is_refused_in_one_sentence(found):
    with pytest.raises(
        VersionError, match=r"night\.json has the schema version .*knows versions up"
    ):
        refuse_newer("night.json", found, 3)
    assert VersionError.exit_status == 3
