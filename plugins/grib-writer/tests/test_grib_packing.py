"""The bytes of a message depend on its field alone: not on those before it, and not on the number of threads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import ConfigError, DataError, Grid, Variable, open_forecast
from wxml.forecasting.layout import MemberNumbers
from wxml_grib_writer.writer import Grib2Writer

Making = Callable[..., Any]
T850 = Variable("t_850", param="t", level=850, units="K", level_type="isobaric", level_units="hPa")
CELSIUS = Variable("t2m", units="degC")
RAIN = Variable("tp", units="m", step_type="accum", period="1h")
NODES = Grid.regular(np.linspace(60, 40, 5), np.arange(0, 70, 10))
ECMWF = 98
"""The centre whose messages have no record of wxml."""


def field(kind: str, seed: int, size: int) -> np.ndarray:
    """The values of the nodes, in units of 10^size."""
    random = np.random.default_rng(seed)
    values = random.normal(3 * random.integers(2), 1, len(NODES))
    if "constant" in kind:
        values[:] = values[0]
    if "gaps" in kind:
        values[random.random(len(NODES)) < 0.4] = np.nan
    if "nothing" in kind:
        values[:] = np.nan
    return (values * 10.0**size).astype(np.float32)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


fields = st.builds(
    field,
    st.sampled_from(["noise", "constant", "gaps", "constant with gaps", "nothing"]),
    st.integers(0, 10**6),
    st.integers(-25, 25),
)


def split(path: str) -> list[bytes]:
    """The messages of a file, whose lengths stand in their bytes 8 to 16."""
    data, found = Path(path).read_bytes(), []
    while data:
        length = int.from_bytes(data[8:16], "big")
        found.append(data[:length])
        data = data[length:]
    return found


@given(
    columns=st.lists(st.tuples(fields, fields, fields), min_size=4, max_size=4),
    options=st.sampled_from(
        [{}, {"bits": 8}, {"packing": "simple", "bits": 24}, {"packing": "ieee"}, {"precision": {"t_850": 0.01}}]
    ),
    leads=st.lists(st.integers(3600, 10**6), min_size=2, max_size=2, unique=True),
)
@settings(max_examples=8, deadline=None)
def test_a_message_is_the_same_after_any_other_and_from_any_thread(
    header: Making,
    write: Making,
    columns: list[tuple[np.ndarray, ...]],
    options: dict[str, Any],
    leads: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Two lead times, two members, three variables; beside files of one lead time and one member each."""
    folder, values = tmp_path_factory.mktemp("packing"), np.array(columns).reshape(1, 2, 2, 3, -1)
    lead_times = np.sort(leads).astype("timedelta64[s]")

    def written(name: str, lead: slice, member: slice) -> list[bytes]:
        numbers = tuple(range(2)[member])
        head = header(
            NODES,
            *(T850, CELSIUS, RAIN),
            initial_times=np.array(["2000-02-28T12"], "datetime64[s]"),
            lead_times=lead_times[lead],
            members=len(numbers),
            numbering=MemberNumbers(numbers, 2, True),
        )
        return split(write(folder / name, head, values[:, lead, member], centre=ECMWF, **options))

    whole = []
    for count in (1, 3):
        with torch_threads(count):
            whole.append(written(f"{count}.grib2", slice(2), slice(2)))
    assert whole[0] == whole[1]
    alone = {
        (lead, member): written(f"{lead}-{member}.grib2", slice(lead, lead + 1), slice(member, member + 1))
        for lead, member in np.ndindex(2, 2)
    }
    assert whole[0] == [alone[lead, member][column] for lead, column, member in np.ndindex(2, 3, 2)]


def test_a_value_that_runs_away_ends_the_file_also_from_another_thread(
    header: Making, write: Making, tmp_path: Path
) -> None:
    values = np.ones((4, 3, len(NODES)))
    values[2, 1, 5] = np.inf
    head = header(NODES, T850, CELSIUS, RAIN, members=4)
    with torch_threads(3), pytest.raises(DataError, match="`t2m` is infinite at 2000-01-01T06"):
        write(tmp_path / "forecast.grib2", head, values)


@pytest.mark.carries_out("write fewer bits, or another packing, such as ccsds")
def test_jpeg_is_refused_where_it_gives_other_values_back(header: Making, write: Making, tmp_path: Path) -> None:
    head, values = header(NODES), np.random.default_rng(0).normal(size=len(NODES))
    with pytest.raises(ConfigError, match="jpeg packs values into at most 24 bits, got 25") as refused:
        Grib2Writer(str(tmp_path / "refused.grib2"), packing="jpeg", bits=25)
    assert refused.value.faults[0].path == ("bits",)
    for packing, bits in (("jpeg", 24), ("ccsds", 25)):
        with open_forecast(write(tmp_path / f"{packing}.grib2", head, values, packing=packing, bits=bits)) as stored:
            np.testing.assert_allclose(stored.read(0, "t_850")[0, 0], values, atol=1e-6)


@pytest.mark.carries_out("choose another packing, such as ccsds, or a larger error as its precision")
def test_a_precision_that_jpeg_does_not_reach_is_refused(header: Making, write: Making, tmp_path: Path) -> None:
    head, values = header(NODES), np.linspace(0, 1, len(NODES))
    fine, coarse = {"precision": {"t_850": 1e-8}}, {"precision": {"t_850": 1e-6}}
    with pytest.raises(DataError, match="`t_850` takes 28 bits for its precision of 1e-08, and jpeg has 24"):
        write(tmp_path / "refused.grib2", head, values, packing="jpeg", **fine)
    for name, options in {"ccsds": fine, "jpeg": coarse}.items():
        with open_forecast(write(tmp_path / f"{name}.grib2", head, values, packing=name, **options)) as stored:
            np.testing.assert_allclose(stored.read(0, "t_850")[0, 0], values, atol=1e-6)


@pytest.mark.carries_out("choose another packing of the writer, such as ccsds")
def test_jpeg_is_refused_on_nodes_without_rows_and_columns(header: Making, write: Making, tmp_path: Path) -> None:
    """ecCodes writes messages on such a grid that it cannot unpack again, such as these."""
    head = header(Grid.octahedral(8))
    values = np.random.default_rng(0).normal(280, 10, len(head.grid))
    values[1::3] = np.nan
    with pytest.raises(DataError, match="jpeg packs rows and columns of a grid"):
        write(tmp_path / "refused.grib2", head, values, packing="jpeg")
    assert not (tmp_path / "refused.grib2").exists()
    with open_forecast(write(tmp_path / "forecast.grib2", head, values)) as stored:
        np.testing.assert_allclose(stored.read(0, "t_850")[0, 0], values, atol=1e-3)
