"""The arrays and attributes that a dataset must have."""

__all__ = ["structure_faults"]

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wxml_dataset_builder.stored import MISSING, STATISTICS, Array, Group

ATTRIBUTES: Final = ("variables", MISSING, "frequency", "start_date", "end_date")
"""The attributes without which a dataset says too little of itself."""
LISTS: Final = ("variables", MISSING)
DIMENSIONS: Final = ("dates", "variables", "ensembles", "values")


def structure_faults(root: Group) -> Iterator[str]:
    """What is missing, or has another type or shape."""
    attributes = dict(root.attrs)
    yield from _attribute_faults(attributes)
    data = root.get("data")
    if not isinstance(data, Array):
        yield "the array `data` is missing"
        return
    if data.ndim != len(DIMENSIONS) or data.dtype.kind != "f":
        yield f"`data` must hold floats along {', '.join(DIMENSIONS)}, got {data.dtype} of shape {data.shape}"
        return
    names = attributes.get("variables")
    if isinstance(names, list) and len(names) != data.shape[1]:
        yield f"`data` holds {data.shape[1]} variables, and the attribute `variables` names {len(names)}"
    lengths = {"dates": 0, "latitudes": 3, "longitudes": 3} | dict.fromkeys(STATISTICS, 1)
    for name, axis in lengths.items():
        yield from _array_faults(root, name, data.shape[axis], DIMENSIONS[axis])


def _attribute_faults(attributes: Mapping[str, Any]) -> Iterator[str]:
    for name in ATTRIBUTES:
        if name not in attributes:
            yield f"the attribute `{name}` is missing"
    for name in LISTS:
        value = attributes.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            yield f"the attribute `{name}` must be a list of texts, got {str(value)[:60]!r}"
        elif len(set(value)) < len(value):
            yield f"the attribute `{name}` names {next(one for one in value if value.count(one) > 1)!r} twice"


def _array_faults(root: Group, name: str, length: int, dimension: str) -> Iterator[str]:
    """The faults of an array with one number for each entry of a dimension of the data."""
    array = root.get(name)
    kinds = "M" if name == "dates" else "f"
    if not isinstance(array, Array):
        yield f"the array `{name}` is missing"
    elif array.ndim != 1 or array.dtype.kind not in kinds:
        kind = "dates" if kinds == "M" else "floats"
        yield f"`{name}` must be a list of {kind}, got {array.dtype} of shape {array.shape}"
    elif array.shape[0] != length:
        yield f"`{name}` has {array.shape[0]} entries, and `data` holds {length} {dimension}"
