"""`statistics-of`: the values of one source, the statistics of another one over all of its times."""

import numpy as np
import pytest
from wxml import PluginChoice
from wxml.data.statistics import compute_statistics
from wxml.errors import DataError
from wxml_dataset_sources.combining.concat import Concat
from wxml_dataset_sources.combining.statistics_of import StatisticsOf
from wxml_dataset_sources.combining.subset import Subset

STEP = np.timedelta64(6, "h")


def made(plugin: str, **options: object) -> PluginChoice:
    return PluginChoice.model_validate({"plugin": plugin, **options})


def mean(source, names: tuple[str, ...]) -> list[float]:
    return list(compute_statistics(source, names, source.header.times, STEP).mean)


def test_the_values_are_those_of_the_source_and_the_statistics_those_of_the_other(world, everything) -> None:
    own, other = world("t", members=2), world("t q", "1999-01-01", count=9, latitudes=(45.0, -45.0))
    source = StatisticsOf(source=own.choice, of=other.choice)
    assert np.array_equal(everything(source)["t"], own.values["t"])
    assert mean(source.statistics_source(), ("t",)) == pytest.approx(
        [other.values["t"].astype(float).mean()], rel=1e-12
    )


def test_the_statistics_are_in_the_units_of_the_values(world) -> None:
    own, other = world({"t": "K"}), world({"t": "degC"}, "1999-01-01")
    counted = StatisticsOf(source=own.choice, of=other.choice).statistics_source()
    assert mean(counted, ("t",)) == pytest.approx(
        [np.average(other.values["t"].astype(float).mean((0, 1)), weights=counted.header.grid.area_weights) + 273.15],
        rel=1e-6,
    )


def test_another_quantity_is_refused(world) -> None:
    with pytest.raises(DataError, match="'m'"):
        StatisticsOf(source=world({"t": "K"}).choice, of=world({"t": "m"}).choice)


@pytest.mark.carries_out("read that variable there too, or leave it out of both with `subset` and its option `drop`")
def test_a_variable_without_statistics_is_refused(world) -> None:
    own, both, other = world("t q"), world("t q", "1999-01-01"), world("t", "1999-01-01")
    with pytest.raises(DataError, match="has 'q', and `of`"):
        StatisticsOf(source=own.choice, of=other.choice)
    StatisticsOf(source=own.choice, of=both.choice)
    without = made("subset", source=own.choice.model_dump(), drop=["q"])
    assert StatisticsOf(source=without, of=other.choice).header.names == ("t",)


@pytest.mark.carries_out("write `statistics-of` around all other sources")
def test_a_source_around_it_would_lose_the_statistics(world) -> None:
    own, other = world("t", "2000-01-02"), world("t", "1999-01-01")
    inner = made("statistics-of", source=own.choice.model_dump(), of=other.choice.model_dump())
    for plugin, options in ((Concat, {"sources": [inner, world().choice]}), (Subset, {"source": inner})):
        with pytest.raises(DataError, match="is a part of a source itself"):
            plugin(**options)
    outer = made("concat", sources=[own.choice.model_dump(), world().choice.model_dump()])
    assert StatisticsOf(source=outer, of=other.choice).statistics_source() is not None
