"""Moments that were computed with the data go through combinations: the same numbers, and nothing is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from wxml import DataSource, Moments, PluginChoice, create
from wxml.data.one_pass import moments_of, own_moments
from wxml_dataset_sources.xarray_source import XarraySource

SIX_HOURS = np.timedelta64(6, "h")
Stored = Callable[[], Any]


class Store:
    """Gives moments to every source of the kind `xarray`, counts the times that are read, and keeps who has none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times_read, self.without = 0, ""
        self._counts = True
        read_part = XarraySource._read_part

        def counted(source: XarraySource, request: Any, out: Any) -> None:
            self.times_read += len(request.times) * self._counts
            read_part(source, request, out)

        def moments(source: XarraySource, times: Any, variables: Any, timestep: Any = None) -> Moments | None:
            if self.without and self.without in source.header.names:
                return None
            with self.uncounted():
                return self._of(source, times, variables, timestep)

        monkeypatch.setattr(XarraySource, "_read_part", counted)
        monkeypatch.setattr(XarraySource, "moments", moments)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        self._counts = False
        yield
        self._counts = True

    def _of(self, source: XarraySource, times: Any, variables: Any, timestep: Any) -> Moments:
        weights, kept = source.header.grid.area_weights, []
        for time in times:
            values = source.read([time], variables)[0]
            if timestep is None:
                kept.append(Moments.of(values, weights))
            elif time + timestep in source.header.times:
                kept.append(Moments.of_change(values, source.read([time + timestep], variables)[0], weights))
            else:
                kept.append(Moments.nothing(len(variables)))
        return Moments.stack(kept) if kept else Moments.nothing(0, len(variables))

    def check(self, source: DataSource, read: int = 0, timestep: np.timedelta64 = SIX_HOURS) -> None:
        """The moments of all variables, backwards, are those of the values, and so many times were read for them."""
        times, names = source.header.times, source.header.names[::-1]
        self.times_read = 0
        found = own_moments(source, names, times, timestep)
        assert found is not None
        assert self.times_read == read
        with self.uncounted():
            expected = moments_of(source, names, times, timestep)
        for one, other in zip(found, expected, strict=True):
            for name, array in other.arrays().items():
                np.testing.assert_allclose(getattr(one, name), array, rtol=1e-12, atol=1e-9, err_msg=name)

    def has_none(self, source: DataSource) -> None:
        """There are no moments of all variables."""
        self.times_read = 0
        assert own_moments(source, source.header.names, source.header.times, SIX_HOURS) is None
        assert self.times_read == 0


@pytest.fixture
def store(monkeypatch) -> Store:
    return Store(monkeypatch)


def made(plugin: str, **options: object) -> DataSource:
    plain = {
        key: [one.model_dump() for one in value]
        if isinstance(value, list) and isinstance(value[0], PluginChoice)
        else value.model_dump()
        if isinstance(value, PluginChoice)
        else value
        for key, value in options.items()
    }
    source: DataSource = create("data-source", plugin, plain)
    return source


@pytest.mark.parametrize(
    "choice",
    [
        {"select": ["q", "t"]},
        {"start": "2000-01-01T06", "end": "2000-01-02T12"},
        {"frequency": "12h"},
        {"members": [1, 0]},
    ],
)
def test_those_of_a_part_of_times_and_variables(world, store, choice) -> None:
    source = made("subset", source=world("t u q", count=9, members=2).choice, **choice)
    store.check(source, timestep=2 * SIX_HOURS if "frequency" in choice else SIX_HOURS)


@pytest.mark.parametrize("choice", [{"members": [1]}, {"area": {"north": 90, "south": -10, "west": 0, "east": 360}}])
def test_those_of_some_members_or_nodes_are_others(world, store, choice) -> None:
    store.has_none(made("subset", source=world("t u", members=2).choice, **choice))


def test_those_under_other_names(world, store) -> None:
    store.check(made("rename", source=world("t u q").choice, names={"t": "q", "q": "t"}))


def test_those_of_joined_sources_in_any_order_of_nodes(world, store) -> None:
    parts = [world("t u"), world("q", latitudes=(-60.0, 0.0, 60.0)), world("u v")]
    joined = made("join", sources=[part.choice for part in parts], override=True)
    store.check(joined)
    store.without = "q"
    store.has_none(joined)
    store.check(
        made(
            "subset",
            source=PluginChoice(plugin="join", sources=[p.choice.model_dump() for p in parts], override=True),
            drop=["q"],
        )
    )


def test_those_of_periods_read_both_times_at_a_seam(world, store) -> None:
    first, second = world("t u", count=12), world("u t", "2000-01-04", count=12)
    store.check(made("concat", sources=[second.choice, first.choice]), read=2)
    later = world("u t", "2000-01-09", count=3)
    store.check(made("concat", sources=[first.choice, later.choice]))  # a gap has no change
    part = {"plugin": "subset", "source": first.choice.model_dump(), "end": "2000-01-02T18"}
    other = world("t u", "2000-01-03", count=8)  # other values than those behind the end of the part
    store.check(made("concat", sources=[PluginChoice.model_validate(part), other.choice]), read=2)


def test_times_that_alternate_have_no_moments_of_changes(world, store) -> None:
    sources = [world("t", step=12).choice, world("t", "2000-01-01T06", step=12).choice]
    store.has_none(made("merge", sources=sources))
    store.check(made("merge", sources=sources), timestep=2 * SIX_HOURS)


def test_those_of_members_of_several_sources(world, store) -> None:
    store.check(made("ensemble", sources=[world("t u", members=2).choice, world("u t").choice]))


def test_those_of_variables_that_keep_their_units(world, store) -> None:
    converted = PluginChoice(plugin="convert", source=world("t u").choice.model_dump(), units={"t": "degC"})
    store.has_none(made("subset", source=converted))
    store.check(made("subset", source=converted, drop=["t"]))


def test_those_without_gaps(world, store) -> None:
    store.check(made("missing", source=world("t").choice))
    gap = PluginChoice(
        plugin="concat", sources=[world("t").choice.model_dump(), world("t", "2000-01-03").choice.model_dump()]
    )
    store.check(made("missing", source=gap, policy="skip"))
    store.has_none(made("missing", source=gap, policy="interpolate"))
