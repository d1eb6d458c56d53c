"""The public surface: one sorted list, on torch and NumPy alone."""

import subprocess
import sys

import wxml_kernels


def test_every_public_name_is_there_once_and_in_order() -> None:
    assert sorted(set(wxml_kernels.__all__)) == wxml_kernels.__all__
    assert all(getattr(wxml_kernels, name) is not None for name in wxml_kernels.__all__)


def test_nothing_else_of_wxml_is_imported() -> None:
    code = "import sys, wxml_kernels; print([n for n in sys.modules if n == 'wxml' or n.startswith('wxml.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout.strip() == "[]"
