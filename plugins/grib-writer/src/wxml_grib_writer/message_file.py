"""A file of messages that grows step by step.

ecCodes packs, several messages at a time. It lets go of the interpreter meanwhile, and of the time for a message of
65 000 nodes (0.8 ms with `ccsds`, 0.4 ms with `simple`) nine tenths are its own; so bits that are put together by
numpy, into a header that ecCodes has made, would gain nothing.
"""

__all__ = ["MessageFile"]

from collections.abc import Iterator
from contextlib import ExitStack
from io import SEEK_END
from typing import IO, Any

import eccodes
import numpy as np
from numpy.typing import NDArray
from wxml import Fields, ForecastHeader, Grid, Variable
from wxml.errors import ContractError, DataError, nearest
from wxml.files.failures import damaged
from wxml.forecasting.packing import MOST_THREADS, PackingThreads

from wxml_grib_writer.choices import Choices
from wxml_grib_writer.grids import GridSection, grid_section
from wxml_grib_writer.handles import copied, sample, set_keys
from wxml_grib_writer.local_section import NO_LOCAL_USE, with_local_record
from wxml_grib_writer.places import place_messages
from wxml_grib_writer.record import file_record
from wxml_grib_writer.templates import Template, ensemble_size, make_template

CENTRE = slice(21, 23)
"""The bytes of a message with the number of its centre, in section 1."""


class MessageFile:
    """The messages of one forecast; a message is in the file as a whole, or not at all."""

    def __init__(self, target: str, header: ForecastHeader, choices: Choices, size: int | None = None) -> None:
        """Find the keys of every variable, and make the file.

        Args:
            target: the file.
            header: the forecast.
            choices: the options.
            size: the bytes after which a file goes on that is there; None: there is none.

        Raises:
            DataError: GRIB 2 has no such grid, or no such parameter, level or period.
            OSError: the disk refuses.
        """
        _check_names(header, choices)
        _check_packing(header.grid, choices)
        self._header = header
        self._written: set[tuple[int, int]] = set()
        self._threads = PackingThreads(MOST_THREADS if _has_threads() else 1)
        with ExitStack() as stack:
            empty = stack.enter_context(sample())
            section = grid_section(header.grid, choices.grid, empty)
            base = stack.enter_context(copied(empty))
            _describe(base, header, choices, section)
            self._templates = [
                _template(stack.enter_context(copied(base)), variable, header, choices) for variable in header.variables
            ]
            for template in self._templates:
                stack.callback(template.copies.release)
            _check_distinct(self._templates)
            self._record: dict[str, Any] | None = file_record(header, self._templates)
            self._file: IO[bytes] = stack.enter_context(open(target, "xb" if size is None else "r+b"))
            if size is not None:
                self._cut(size)
            elif not section.has_places:
                for message in place_messages(base, header.grid, header.initial_times[0]):
                    self._append(message)
            self._stack = stack.pop_all()

    @property
    def size(self) -> int:
        """The bytes that are in the file."""
        self._file.flush()
        return self._file.tell()

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Append the messages of one step.

        Raises:
            ContractError: the step was written before.
            DataError: the header does not announce this step, or a value is infinite.
            OSError: the disk refuses.
        """
        place = self._header.place(fields, lead_time)
        if place in self._written:
            raise ContractError(
                "`write` was called twice for one step, which a GRIB file cannot take back",
                fix="write each step once",
            )
        initial = self._header.initial_times[place[0]]

        def packed(one: tuple[Template, int, NDArray[np.float32]]) -> bytes:
            template, member, values = one
            return template.message(initial, lead_time, member, values)

        for message in self._threads.in_order(packed, self._fields(fields)):
            self._append(message)
        self._file.flush()
        self._written.add(place)

    def _fields(self, fields: Fields) -> Iterator[tuple[Template, int, NDArray[np.float32]]]:
        """What one message each is made of, in the order of the file."""
        for template in self._templates:
            for member, values in zip(self._header.numbers, fields[template.variable.name], strict=True):
                yield template, member, values

    def close(self) -> None:
        """Let go of the file and of the messages in memory."""
        self._threads.close()
        self._stack.close()

    def _cut(self, size: int) -> None:
        """Take away what follows the first `size` bytes, which hold the record.

        Raises:
            ArtefactError: the file is shorter.
        """
        if self._file.seek(0, SEEK_END) < size:
            raise damaged(f"`{self._file.name}`", f"it has {self._file.tell()} bytes, and had {size}")
        self._file.truncate(size)
        self._file.seek(size)
        if size:
            self._record = None

    def _append(self, message: bytes) -> None:
        """Put a message at the end of the file; the first one carries the record."""
        if self._record is not None:
            centre = int.from_bytes(message[CENTRE], "big")
            message = message if centre in NO_LOCAL_USE else with_local_record(message, self._record)
            self._record = None
        self._file.write(message)


def _has_threads() -> bool:
    """Whether this build of ecCodes may be called by several threads; those before eccodes 2.38 do not say it."""
    features = getattr(eccodes, "codes_get_features", None)
    return features is not None and "ECCODES_THREADS" in features(eccodes.CODES_FEATURES_ENABLED)


def _describe(base: int, header: ForecastHeader, choices: Choices, section: GridSection) -> None:
    """Set what all messages have in common."""
    is_ensemble = header.is_ensemble
    keys = {
        "tablesVersion": eccodes.codes_get(base, "tablesVersionLatest"),
        **choices.identity,
        "significanceOfReferenceTime": 1,
        "productionStatusOfProcessedData": 0,
        "typeOfProcessedData": 4 if is_ensemble else 1,
        "productDefinitionTemplateNumber": int(is_ensemble),
        "typeOfGeneratingProcess": 4 if is_ensemble else 2,
    }
    set_keys(base, keys)
    if is_ensemble:
        set_keys(base, {"numberOfForecastsInEnsemble": ensemble_size(header), "typeOfEnsembleForecast": 255})
    section.put(base)
    eccodes.codes_set_values(base, np.zeros(len(header.grid)))


def _template(handle: int, variable: Variable, header: ForecastHeader, choices: Choices) -> Template:
    stated = choices.parameters.get(variable.name, ""), choices.periods.get(variable.name, "")
    return make_template(handle, variable, header, stated, choices.packing)


def _check_distinct(templates: list[Template]) -> None:
    """Refuse two variables whose messages no reader could tell apart."""
    known: dict[tuple[int, ...], Variable] = {}
    for template in templates:
        one, other = template.variable, known.setdefault(template.signature, template.variable)
        if other is not one:
            raise DataError(
                f"`{other.name}` and `{one.name}` would be the same parameter at the same level in GRIB",
                fix=f"name other keys for one of them, as in parameters: {{{one.name}: 'paramId=…,level=…'}}",
            )


def _check_packing(grid: Grid, choices: Choices) -> None:
    """Refuse jpeg on other nodes than rows and columns, as what ecCodes makes of those cannot always be read."""
    if choices.packing.kind == "jpeg" and len(grid.shape) != 2:
        raise DataError(
            "jpeg packs rows and columns of a grid, and the nodes of this one have none",
            fix="choose another packing of the writer, such as ccsds",
        )


def _check_names(header: ForecastHeader, choices: Choices) -> None:
    """Refuse an option for a variable that the forecast does not have."""
    names = [variable.name for variable in header.variables]
    options = {
        "parameters": choices.parameters,
        "periods": choices.periods,
        "precision": choices.packing.precision,
    }
    for option, values in options.items():
        for name in values:
            if name not in names:
                raise DataError(
                    f"the forecast has no variable {name!r} (`{option}` of the writer)", fix=nearest(name, names)
                )
