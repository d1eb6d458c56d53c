"""Forecasts that pass from the model to a reader, one initial time after the other, and are stored nowhere."""

__all__ = ["PassingForecasts"]

from dataclasses import replace
from threading import Condition
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.fields import Fields
from wxml.data.forecast_series import ForecastSeries
from wxml.errors import ContractError, DataError
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.stored import StoredForecast

Case = tuple[int, NDArray[np.float32]]
"""The number of an initial time, and its values `[lead_time, member, variable, node]`."""


class PassingForecasts:
    """Takes steps in one thread, and gives whole initial times in another.

    In memory are the initial times that the model has begun, one that waits, and the one that is read. The model waits
    for the reader.
    """

    def __init__(self, header: ForecastHeader) -> None:
        self._header = header
        self._names = tuple(one.name for one in header.variables)
        self._begun: dict[int, tuple[NDArray[np.float32], set[int]]] = {}
        self._changed = Condition()
        self._waiting: Case | None = None
        self._is_ended = self._is_left = False
        self._read: Case | None = None

    @property
    def series(self) -> ForecastSeries:
        """The forecasts for their reader, who asks for the initial times in their order."""
        return replace(StoredForecast(self._header, self._values).series, comes_once=True)

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Take a step; wait if it ends an initial time and the one before still waits for the reader."""
        header = self._header
        case, lead = header.place(fields, lead_time)
        if case not in self._begun:
            shape = (len(header.lead_times), header.members, len(self._names), len(header.grid))
            self._begun[case] = np.empty(shape, np.float32), set()
        values, there = self._begun[case]
        for place, name in enumerate(self._names):
            values[lead, :, place] = fields[name]
        there.add(lead)
        if len(there) == len(header.lead_times):
            del self._begun[case]
            self._hand_over((case, values))

    def end(self) -> None:
        """Say that no further step comes."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def leave(self) -> None:
        """Say that nobody reads any more: steps are thrown away."""
        with self._changed:
            self._is_left = True
            self._changed.notify_all()

    def _hand_over(self, case: Case) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is None or self._is_left)
            self._waiting = case
            self._changed.notify_all()

    def _values(self, case: int, name: str) -> NDArray[np.floating[Any]]:
        """The values of an initial time and variable, `[lead_time, member, node]`; wait until the model has them.

        Raises:
            DataError: the forecasts have ended before.
            ContractError: the initial time is over.
        """
        while self._read is None or self._read[0] < case:
            self._read = None
            self._read = self._next()
        number, values = self._read
        if number != case:
            raise ContractError(
                f"the forecasts of a running model come once, and number {case} was asked for after number {number}",
                fix="this is a fault of the verifier: tell its authors",
            )
        return values[:, :, self._names.index(name)]

    def _next(self) -> Case:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._is_ended)
            if self._waiting is None:
                raise DataError("the forecasts ended before all were made", fix="see why they ended, and begin again")
            case, self._waiting = self._waiting, None
            self._changed.notify_all()
            return case
