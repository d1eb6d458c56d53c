"""`docs/extend/migrations.md` is true: a model that version 1.0 of a package trained forecasts the same with 2.0."""

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import xarray as xr
from wxml.artefacts.checkpoint import load_checkpoint, read_header
from wxml.artefacts.formats import read_provenance

CHECKPOINT = "run/checkpoint.safetensors"
FILE = re.compile(r"^```\w+\n# ([\d.]+)/(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OURS = "processor: {plugin: gnn, num_layers: 1, hidden_layers: 1}"
MIGRATED = "model.processor: acme-wxml:mixing of 1.0 is acme-wxml:gated-mixing of 2.0"

THIRD = '''
import torch
from torch import nn
from wxml import Migration, Processor


class Gates(Processor):
    """Version 3.0: another name of the plugin and of its option, and a layer for each of the two maps."""

    def __init__(self, mesh, channels, *, scale: float = 1.0, gated: bool = True) -> None:
        super().__init__(mesh, channels)
        self.scale, self.gated = scale, gated
        self.gate, self.value = (nn.Linear(channels.hidden, channels.hidden) for _ in range(2))

    def forward(self, state):
        gate, value = self.gate(state), self.value(state)
        return self.scale * (torch.sigmoid(gate) * value if self.gated else gate + value)


def two_layers(weights, options):
    maps, offsets = weights["maps"], weights["offsets"]
    return {f"{name}.{kind}": of[place].clone()
            for place, name in enumerate(("gate", "value")) for kind, of in (("weight", maps), ("bias", offsets))}


MIGRATION = Migration(version="3.0", kind="processor", plugin="gated-mixing", renamed="gates",
                      options={"strength": "scale"}, new_weights=two_layers)
'''

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def build(page: Path, folder: Path) -> dict[str, Path]:
    """Install each version of the package on the page into a folder of its own, as an installer would."""
    sites: dict[str, Path] = {}
    for version, name, text in FILE.findall(page.read_text()):
        site = sites.setdefault(version, folder / version)
        if name == "pyproject.toml":
            info = site / f"acme_wxml-{version}.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-wxml\nVersion: {version}\n")
            groups = tomllib.loads(text)["project"]["entry-points"]
            lines = [
                f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in these.items()) for group, these in groups.items()
            ]
            (info / "entry_points.txt").write_text("".join(lines))
        else:
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text)
            (site / name).with_name("__init__.py").touch()
    return sites


@pytest.fixture(scope="module")
def world(make_world, quickly: Command, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that version 1.0 trained, its forecast, and the folders `1.0` and `2.0` to import from."""
    folder = make_world(tmp_path_factory.mktemp("migrations") / "world")
    assert set(build(root / "docs/extend/migrations.md", folder)) == {"1.0", "2.0"}
    text = (folder / "experiment.yaml").read_text()
    assert OURS in text
    (folder / "experiment.yaml").write_text(text.replace(OURS, "processor: {plugin: mixing, factor: 0.5}"))
    before = partial(quickly, folder=folder, PYTHONPATH=str(folder / "1.0"))
    for arguments in (
        ("train", "experiment.yaml", "--run-dir", "run"),
        ("forecast", CHECKPOINT, "-o", "before.nc"),
    ):
        done = before(*arguments)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def now(quickly: Command, world: Path) -> Command:
    """Run `wxml` beside version 2.0, in a fork."""
    return partial(quickly, folder=world, PYTHONPATH=str(world / "2.0"))


def require_same_numbers(path: Path, expected: Path) -> None:
    with xr.open_dataset(path) as found, xr.open_dataset(expected) as before:
        assert len(before.data_vars) == 2
        xr.testing.assert_identical(found.drop_attrs(), before.drop_attrs())


def test_a_checkpoint_of_version_1_forecasts_the_same_with_version_2(now: Command, world: Path, tmp_path: Path) -> None:
    done = now("forecast", CHECKPOINT, "-o", tmp_path / "after.nc")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(MIGRATED) == 1
    assert "was made with" not in done.stderr
    require_same_numbers(tmp_path / "after.nc", world / "before.nc")
    (checkpoint,) = read_provenance(tmp_path / "after.nc").parents
    assert checkpoint["migrations"][0]["renamed"] == "acme-wxml:gated-mixing"
    assert checkpoint["parents"][0]["config"]["model"]["processor"] == {"plugin": "mixing", "factor": 0.5}


def test_the_config_can_be_changed_as_well(now: Command, world: Path, tmp_path: Path) -> None:
    """Sums over a batch of one may be rounded in another order."""
    done = now("forecast", CHECKPOINT, "forecast.batch_size=1", "-o", tmp_path / "after.nc")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(MIGRATED) == 1
    found, before = (xr.load_dataset(path) for path in (tmp_path / "after.nc", world / "before.nc"))
    xr.testing.assert_allclose(found, before, rtol=1e-5)


def test_without_the_migration_it_is_refused(now: Command, world: Path, quickly: Command, tmp_path: Path) -> None:
    shutil.copytree(world / "2.0", tmp_path / "site")
    (points,) = (tmp_path / "site").glob("*.dist-info/entry_points.txt")
    points.write_text(points.read_text().partition("[wxml.migrations]")[0])
    done = quickly("forecast", CHECKPOINT, "-o", "no.nc", folder=world, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 2
    assert "needs processor 'mixing' of acme-wxml 1.0, which is not installed" in done.stderr


def shown(command: str) -> tuple[list[str], str]:
    """The arguments of a command of the page that begins like this, and a pattern of what it prints."""
    page = (Path(__file__).parents[1] / "docs/extend/migrations.md").read_text()
    (found,) = re.findall(rf"^```console\n\$ wxml ({command} .*)\n((?:.*\n)*?)```", page, re.MULTILINE)
    return found[0].split(), ".*".join(map(re.escape, found[1].split("…")))


@pytest.fixture(scope="module")
def migrated(quickly: Command, world: Path) -> Path:
    """The checkpoint that the command of the page writes."""
    before = (world / CHECKPOINT).read_bytes()
    arguments, output = shown("checkpoint migrate")
    done = quickly(*arguments, folder=world, PYTHONPATH=str(world / "2.0"))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(output, done.stderr + done.stdout)
    assert (world / CHECKPOINT).read_bytes() == before
    return world / done.stdout.strip()


def test_the_checkpoint_is_written_out(now: Command, migrated: Path, world: Path, tmp_path: Path) -> None:
    done = now("forecast", migrated, "-o", tmp_path / "after.nc")
    assert done.returncode == 0, done.stderr
    assert "migrated:" not in done.stderr
    assert "was made with" not in done.stderr
    require_same_numbers(tmp_path / "after.nc", world / "before.nc")
    processor = read_header(migrated)["config"]["model"]["processor"]
    assert processor == {"plugin": "acme-wxml:gated-mixing", "gated": False, "strength": 0.5}
    assert load_checkpoint(migrated).weights["processor.maps"].shape == (2, 8, 8)
    assert now("inspect", migrated, "--check").returncode == 0
    healthy = now("doctor", "--for", migrated)
    assert healthy.returncode == 0, healthy.stdout


def test_its_record_says_what_was_migrated_and_from_what(now: Command, migrated: Path) -> None:
    lines = [" ".join(line.split()) for line in now("inspect", migrated).stdout.splitlines()]
    plugin = "acme-wxml:mixing is acme-wxml:gated-mixing, to version 2.0"
    assert f"migrated model.processor: processor {plugin}" in lines
    assert "config migration to acme-wxml 2.0" in lines
    assert lines.index("made from") < lines.index("model.processor.factor = 0.5")
    assert lines.index("model.processor.strength = 0.5") < lines.index("made from")


@pytest.fixture(scope="module")
def third(world: Path) -> Path:
    """Where version 3.0 is: it has kept what 2.0 said, and says what it has changed itself."""
    site = Path(shutil.copytree(world / "2.0", world / "3.0"))
    (info,) = site.glob("*.dist-info")
    for name, former, new in (
        ("METADATA", "Version: 2.0", "Version: 3.0"),
        ("entry_points.txt", "gated-mixing = acme_wxml.processor:GatedMixing", "gates = acme_wxml.third:Gates"),
    ):
        text = (info / name).read_text()
        assert former in text
        (info / name).write_text(text.replace(former, new))
    info.rename(info.with_name("acme_wxml-3.0.dist-info"))
    (site / "acme_wxml/third.py").write_text(THIRD)
    with (site / "acme_wxml/migrations.py").open("a") as file:
        file.write("\nfrom acme_wxml.third import MIGRATION\n\nMIGRATIONS = (*MIGRATIONS, MIGRATION)\n")
    return site


def test_two_versions_later_both_migrations_are_applied(
    quickly: Command, world: Path, migrated: Path, third: Path, tmp_path: Path
) -> None:
    """From 1.0 at once, or by the file that was written out for 2.0."""
    last = partial(quickly, folder=world, PYTHONPATH=str(third))
    for start, name in ((CHECKPOINT, "at-once"), (migrated, "by-2.0")):
        done = last("checkpoint", "migrate", start, tmp_path / f"{name}.safetensors")
        assert done.returncode == 0, done.stderr
    at_once, by_second = (load_checkpoint(tmp_path / f"{name}.safetensors") for name in ("at-once", "by-2.0"))
    assert at_once.weights.keys() == by_second.weights.keys() >= {"processor.gate.weight", "processor.value.bias"}
    assert all(torch.equal(at_once.weights[name], by_second.weights[name]) for name in at_once.weights)
    options = {"plugin": "acme-wxml:gates", "scale": 0.5, "gated": False}
    assert read_header(tmp_path / "at-once.safetensors")["config"]["model"]["processor"] == options
    done = last("forecast", CHECKPOINT, "-o", tmp_path / "after.nc")
    assert done.returncode == 0, done.stderr
    assert "acme-wxml:mixing of 1.0 is acme-wxml:gates of 3.0" in done.stderr
    found, before = (xr.load_dataset(path) for path in (tmp_path / "after.nc", world / "before.nc"))
    xr.testing.assert_allclose(found, before, rtol=1e-5)


def test_migrating_again_changes_nothing(now: Command, migrated: Path, tmp_path: Path) -> None:
    done = now("checkpoint", "migrate", migrated, tmp_path / "again.safetensors")
    assert done.returncode == 0, done.stderr
    assert "bring no migrations" in done.stderr
    assert (tmp_path / "again.safetensors").read_bytes() == migrated.read_bytes()


def test_nothing_is_written_over_unless_one_asks(now: Command, migrated: Path, world: Path, tmp_path: Path) -> None:
    own = Path(shutil.copy(world / CHECKPOINT, tmp_path / "own.safetensors"))
    before = hashlib.sha256(own.read_bytes()).digest()
    done = now("checkpoint", "migrate", own, own)
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert hashlib.sha256(own.read_bytes()).digest() == before
    assert now("checkpoint", "migrate", own, own, "--overwrite").returncode == 0
    assert load_checkpoint(own).weights.keys() == load_checkpoint(migrated).weights.keys()
    (tmp_path / "notes.txt").write_text("mine")
    refused = now("checkpoint", "migrate", own, tmp_path / "notes.txt", "--overwrite")
    assert refused.returncode == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_doctor_says_what_is_migrated(now: Command) -> None:
    done = now("doctor", "--for", CHECKPOINT)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("acme-wxml")]
    assert line.split()[1:4] == ["1.0", "2.0", "different"]
    assert "it is migrated to acme-wxml:gated-mixing when it is read" in line


def test_a_denied_package_migrates_nothing(now: Command, world: Path) -> None:
    done = now("forecast", CHECKPOINT, "-o", "no.nc", WXML_PLUGINS="-acme-wxml")
    assert done.returncode == 2
    assert "needs processor 'mixing' of acme-wxml 1.0" in done.stderr
    assert "is migrated" not in done.stderr


def test_a_migration_that_fails_names_its_package(quickly: Command, world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "2.0", tmp_path / "site")
    code = tmp_path / "site/acme_wxml/migrations.py"
    code.write_text(code.read_text().replace('weights["mix.weight"].shape[1]', "1 // 0"))
    done = quickly("forecast", CHECKPOINT, "-o", "no.nc", folder=world, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 3
    assert "the migration of processor 'mixing' to acme-wxml 2.0 failed: ZeroDivisionError" in done.stderr
    assert "tell the authors of acme-wxml" in done.stderr
    assert "acme-wxml==1.0" in done.stderr


def test_a_config_file_with_former_names_is_told_the_new_ones(now: Command) -> None:
    arguments, output = shown("config validate")
    done = now(*arguments)
    assert done.returncode == 2
    assert re.fullmatch(output, done.stderr), done.stderr


def test_the_contract_is_checked_on_the_command_line(now: Command) -> None:
    arguments, output = shown("check-plugin")
    done = now(*arguments)
    assert done.returncode == 0, done.stdout
    assert re.fullmatch(output, done.stdout.rstrip() + "\n"), done.stdout


def test_the_test_of_the_page_passes(run: Command, world: Path) -> None:
    shutil.copy(world / CHECKPOINT, world / "2.0/tests/1.0.safetensors")
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "2.0/tests")
    done = run(*command, script=Path(sys.executable), folder=world, PYTHONPATH=str(world / "2.0"))
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout
