"""The process that draws for a callback: `python -m wxml_trainer_lightning.seeing.drawing FOLDER`."""

__all__ = ["main"]

import json
import os
import sys
from pathlib import Path

import numpy as np
from wxml import create


def main(folder: Path) -> None:
    """Make the callback of `section.json`, and have it draw `arrays.npz` into `drawn`."""
    if hasattr(os, "nice"):
        os.nice(10)  # the training comes first
    section = json.loads((folder / "section.json").read_text(encoding="utf-8"))
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        named = {name: arrays[name] for name in arrays.files}
    create("callback", section.pop("plugin"), section).draw(named, folder / "drawn")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
