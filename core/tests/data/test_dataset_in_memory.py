"""Sources of what a user holds in memory: the contract; those that can are in packages."""

import pytest
from wxml import DataError
from wxml.testing import TravellingWaves


@pytest.mark.carries_out("name a source that does")
def test_a_source_that_reads_no_dataset_says_so() -> None:
    """`xarray` of wxml-dataset-sources does; its tests carry on from here."""
    with pytest.raises(DataError, match="`TravellingWaves` reads no datasets that are in memory"):
        TravellingWaves.of_dataset({})
