"""Distributions that each do one thing wrong, and the wheels that install them.

Every package says when it is imported: it leaves an empty file of its name in the folder that `ACME_SEEN` names.
"""

__all__ = ["BAD_PLUGINS", "BadPlugin", "write_wheel"]

import zipfile
from dataclasses import dataclass
from pathlib import Path

WITNESS = """
import os
import pathlib

if os.environ.get("ACME_SEEN"):
    pathlib.Path(os.environ["ACME_SEEN"], __name__).touch()
"""
TRANSFORM = """
from wxml.data.transform import Transform


class Plugin(Transform):
    '''Changes nothing.'''

    def forward(self, values, variables):
        return values

    def inverse(self, values, variables):
        return values
"""
PROCESSOR = """
from wxml.model.processor import Processor


class Plugin(Processor):
    '''Changes nothing.'''

    def forward(self, state):
        return state
"""
GROUPS = {"transform": "wxml.transforms", "processor": "wxml.processors", "hook": "wxml.hooks"}


@dataclass(frozen=True)
class BadPlugin:
    """One distribution with one plugin and one fault."""

    distribution: str
    """Its version is 1.2.3."""
    name: str
    """Of the plugin."""
    code: str = TRANSFORM
    """The module `part` of its package."""
    kind: str = "transform"
    attribute: str = "Plugin"
    requires: str = "wxml-core>=0.1"
    summary: bytes = b"does one thing wrong"
    status: str = "ok"
    """What the list says, which imports nothing."""
    problem: str = ""
    """Why, in part."""
    exit_code: int = 3
    """Of a command that uses it."""
    cause: str = ""
    """What that command says is wrong, in part."""
    fix: str = ""
    """What that command says is to be done, in part."""

    def __str__(self) -> str:
        return self.distribution

    @property
    def package(self) -> str:
        """What is imported."""
        return self.distribution.replace("-", "_")

    @property
    def full_name(self) -> str:
        return f"{self.distribution}:{self.name}"

    @property
    def entry_point(self) -> str:
        """The plugin as its distribution declares it; a hook is a module."""
        value = f"{self.package}.part" + (f":{self.attribute}" if self.kind != "hook" else "")
        return f"[{GROUPS[self.kind]}]\n{self.name} = {value}\n"

    @property
    def metadata(self) -> bytes:
        head = f"Metadata-Version: 2.1\nName: {self.distribution}\nVersion: 1.2.3\nRequires-Dist: {self.requires}\n"
        return head.encode() + b"Summary: " + self.summary + b"\n"


def write_wheel(plugin: BadPlugin, folder: Path, *, readable: bool = True) -> Path:
    """The wheel of a distribution.

    Args:
        plugin: what is in it.
        folder: where to.
        readable: with metadata that pip can read, whatever they are to be: it refuses others.
    """
    info = f"{plugin.package}-1.2.3.dist-info"
    metadata = plugin.metadata.decode("ascii", "replace").encode() if readable else plugin.metadata
    files = {
        f"{plugin.package}/__init__.py": WITNESS.encode(),
        f"{plugin.package}/part.py": plugin.code.encode(),
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": plugin.entry_point.encode(),
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    path = folder / f"{plugin.package}-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in {**files, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(name, content)
    return path


# What can go wrong

TELL = "tell the authors of"

BAD_PLUGINS = (
    BadPlugin(
        "acme-import-error",
        "import-error",
        "import torch_scatter_of_nowhere\n" + TRANSFORM,
        cause="failed to import: No module named 'torch_scatter_of_nowhere'",
        fix="acme_import_error/part.py:1",
    ),
    BadPlugin(
        "acme-syntax-error",
        "syntax-error",
        "def broken(:\n    pass\n" + TRANSFORM,
        cause="failed to import: SyntaxError: invalid syntax",
        fix="acme_syntax_error/part.py:1",
    ),
    BadPlugin(
        "acme-exits",
        "exits",
        "import sys\n\nsys.exit(3)\n" + TRANSFORM,
        cause="failed to import: it called sys.exit(3)",
        fix="acme_exits/part.py:3",
    ),
    BadPlugin(
        "acme-sleeps",
        "sleeps",
        "import os\nimport time\n\ntime.sleep(float(os.environ.get('ACME_SLEEP', 60)))\n" + TRANSFORM,
        exit_code=0,
    ),
    BadPlugin(
        "acme-crashes",
        "crashes",
        "import ctypes\n\nctypes.string_at(0)\n" + TRANSFORM,
        exit_code=-11,
        cause="Segmentation fault",
        fix="acme_crashes/part.py",
    ),
    BadPlugin(
        "acme-wrong-base",
        "wrong-base",
        "class Plugin:\n    pass\n",
        cause="is not a valid transform: `acme_wrong_base.part:Plugin` is not a subclass of "
        "wxml.data.transform.Transform",
        fix=TELL,
    ),
    BadPlugin(
        "acme-abstract",
        "abstract",
        TRANSFORM.replace("inverse", "reverse"),
        cause="`acme_abstract.part:Plugin` does not define `inverse`",
        fix=TELL,
    ),
    BadPlugin(
        "acme-any-option",
        "any-option",
        TRANSFORM + "\n    def __init__(self, statistics, **options):\n        super().__init__(statistics)\n",
        cause="has a constructor that takes `**options`: name every option",
        fix=TELL,
    ),
    BadPlugin(
        "acme-newer-core",
        "newer-core",
        requires="wxml-core>=99",
        status="incompatible",
        problem="needs wxml-core>=99 (0.2.0 is installed)",
        cause="is incompatible: needs wxml-core>=99 (0.2.0 is installed)",
        fix="--upgrade 'wxml-core' 'acme-newer-core==1.2.3'",
    ),
    BadPlugin(
        "acme-duplicate",
        "gnn",
        PROCESSOR,
        kind="processor",
        status="conflict",
        problem="'gnn' is provided by wxml-processor-gnn too",
        exit_code=2,
        cause="processor 'gnn' is provided by two packages: acme-duplicate 1.2.3, wxml-processor-gnn 0.2.0",
        fix="write `plugin: acme-duplicate:gnn` or `plugin: wxml-processor-gnn:gnn`",
    ),
    *(
        BadPlugin(
            distribution,
            "icon",
            PROCESSOR,
            kind="processor",
            status="conflict",
            problem=f"'icon' is provided by {other} too: write {distribution}:icon",
            exit_code=2,
            cause="processor 'icon' is provided by two packages: acme-one 1.2.3, acme-other 1.2.3",
            fix="write `plugin: acme-one:icon` or `plugin: acme-other:icon`",
        )
        for distribution, other in (("acme-one", "acme-other"), ("acme-other", "acme-one"))
    ),
    BadPlugin(
        "acme-latin",
        "latin",
        summary="Wettervorhersage für Köln".encode("latin-1"),
        status="broken",
        problem="its metadata are not UTF-8",
        cause="is broken: its metadata are not UTF-8",
        fix="delete its `.dist-info` folder",
    ),
    BadPlugin(
        "acme-attribute",
        "attribute",
        attribute="Plugn",
        cause="failed to import: module 'acme_attribute.part' has no attribute 'Plugn'",
        fix=TELL,
    ),
    BadPlugin(
        "acme-prints",
        "prints",
        "print('welcome to acme')\n" + TRANSFORM,
        exit_code=0,
        cause="prints to stdout when it is imported",
        fix=TELL,
    ),
    BadPlugin(
        "acme-float64",
        "float64",
        "import torch\n\ntorch.set_default_dtype(torch.float64)\n" + PROCESSOR,
        kind="processor",
        cause="torch's default dtype to torch.float64",
        fix=TELL,
    ),
    BadPlugin(
        "acme-hook",
        "hook",
        "from wxml import hookimpl\n\n\n@hookimpl\ndef wxml_run_started(run_dir):\n"
        "    raise RuntimeError('no disk in Offenbach')\n",
        kind="hook",
        exit_code=0,
        cause="hook wxml_run_started of acme-hook 1.2.3 failed: RuntimeError: no disk in Offenbach",
    ),
)
