"""Graphs that are built on processors of different kinds."""

import os
import subprocess
import sys

CODE = """
import numpy as np
from wxml import Grid
from wxml_graph_builders import Icosahedral, LatLon, LimitedArea

globe = Grid.regular(np.linspace(90, -90, 19), np.arange(36) * 10.0)
region = Grid.regular(np.linspace(70, 30, 21), 260 + np.arange(30) * 2.0)
builders = [(Icosahedral(refinement=3, hierarchy=1), globe), (LatLon(latitudes=16), globe), (LimitedArea(), region)]
print([builder.build(grid).identity for builder, grid in builders])
"""
VECTORS = "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX"
"""What numpy calls the vector instructions with which its sines and cosines have other last bits."""


def identities(disabled: str) -> str:
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": disabled}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_graph_has_one_identity_on_all() -> None:
    assert identities("") == identities(VECTORS)
