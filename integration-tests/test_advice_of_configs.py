"""What errors of configs propose, carried out: the config can be read afterwards."""

from collections.abc import Callable
from pathlib import Path

import pytest
import wxml
from wxml.config.load import change_config, load_config
from wxml.errors import WxmlError

carries_out = pytest.mark.carries_out
Action = Callable[[Path], object]


def demo(*overrides: str) -> Action:
    """Reads the config of the demo with these changes."""
    return lambda folder: load_config(None, overrides)


def experiment(text: str | bytes, *overrides: str, name: str = "experiment.yaml") -> Action:
    """Writes the values of an experiment that starts from the demo, and reads them."""

    def action(folder: Path) -> object:
        (folder / "experiment.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(folder / name, overrides)

    return action


def presets(overrides: tuple[str, ...], **files: str) -> Action:
    """Writes presets of the user, whose names have `__` for `/`, and reads the demo with changes."""

    def action(folder: Path) -> object:
        for name, text in files.items():
            path = folder / "config/wxml" / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return load_config(None, overrides)

    return action


def site(path: str) -> Action:
    """Reads the demo at an institution whose config is there."""

    def action(folder: Path) -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WXML_SITE_CONFIG", path and str(folder / path))
            (folder / "there").mkdir(exist_ok=True)
            return load_config(None)

    return action


def changed(*changes: str) -> Action:
    """Changes the config of an artefact."""
    recorded = load_config(None).config.model_dump(mode="json")
    return lambda folder: change_config(recorded, changes, ("data.source", "forecast"))


def case(fix: pytest.MarkDecorator, broken: Action, *mended: Action) -> object:
    """One fix: what meets the error, and each way to follow the advice."""
    return pytest.param(broken, mended, marks=fix, id=fix.args[0])


PRESETS = Path(wxml.__file__).with_name("presets") / "experiment"
TRAINING = "data.split.training"
DEMO = "defaults: [{experiment: demo}]\n"
CASES = [
    case(
        carries_out("check the path, or leave it out to use the built-in demo"),
        experiment(DEMO, name="experimnt.yaml"),
        experiment(DEMO),
        demo(),
    ),
    case(carries_out("name the YAML file in it"), experiment(DEMO, name=""), experiment(DEMO)),
    case(
        carries_out("save it as UTF-8"),
        experiment(f"{DEMO}# é\n".encode("latin-1")),
        experiment(f"{DEMO}# é\n".encode()),
    ),
    case(
        carries_out("write one key to a line, such as `seed: 1`"),
        experiment("seed 1\n"),
        experiment("seed: 1\n" + DEMO),
    ),
    case(carries_out("name a YAML file"), lambda folder: load_config(Path("/dev/null")), experiment(DEMO)),
    case(carries_out("correct the line"), experiment("seed: [1\n" + DEMO), experiment("seed: 1\n" + DEMO)),
    case(
        carries_out("nest less"),
        experiment(f"seed: {'[' * 2000}{']' * 2000}\n"),
        experiment(DEMO),
    ),
    case(
        carries_out("nest less"),
        experiment(f"{DEMO}data: {{source: {'{a: ' * 40}1{'}' * 40}}}\n"),
        experiment(f"{DEMO}data: {{source: {{end: 2001-02-28}}}}\n"),
    ),
    case(
        carries_out("write less into one file"),
        experiment(f"a: &a [{'1, ' * 999}1]\nb: [{'*a, ' * 100}1]\n" + DEMO),
        experiment(DEMO),
    ),
    case(
        carries_out("check the path, and the permissions of the file"),
        experiment(DEMO, name="experiment.yaml/experiment.yaml"),
        experiment(DEMO),
    ),
    case(carries_out("correct it, or unset {}"), site("elsewhere"), site("there"), site("")),
    case(
        carries_out("write `plugin: NAME`; see `wxml list-plugins`"),
        demo("+graph._target_=wxml.Graph"),
        demo("graph.plugin=icosahedral"),
    ),
    case(
        carries_out("a package brings its presets with it: see `wxml list-plugins`"),
        demo("model=not-there"),
        demo("model=gnn"),
    ),
    case(
        carries_out("write `key=value`, `~key` or `group=preset`; put values with special signs in quotes"),
        demo("seed"),
        demo("seed=1"),
        demo("~seed"),
        demo("model=gnn"),
        demo("data.source.end='2001-02-28'"),
    ),
    case(carries_out("leave it out"), demo("~model.chanels"), demo()),
    case(
        carries_out("the first item has the index 0; to add one, write the whole list"),
        demo("data.transforms.1.plugin=impute"),
        demo("data.transforms.0.plugin=normalise"),
        demo("data.transforms=[{plugin: impute},{plugin: normalise}]"),
    ),
    case(
        carries_out("take `experiment` out of its `defaults`: {}"),
        presets(("experiment=mine",), experiment__mine=DEMO),
        presets(("experiment=mine",), experiment__mine=(PRESETS / "demo.yaml").read_text()),
    ),
    case(
        carries_out("take {} out of the `defaults` of {}"),
        presets(("model=mine",), model__mine="defaults: [mine]\nchannels: 32\n"),
        presets(("model=mine",), model__mine="defaults: [gnn]\nchannels: 32\n"),
    ),
    case(
        carries_out("write it like {}.KEY=VALUE; everything else is part of the trained model"),
        changed("model.channels=8"),
        changed("data.source.end=2001-03-01"),
    ),
    case(
        carries_out("write `key=value` with a value in YAML, such as path=era5.nc or levels=[500, 850]"),
        changed("data.source.end"),
        changed("data.source.end=2001-03-01"),
    ),
    case(
        carries_out("write it like '512MiB', '20GiB' or '20GB'"),
        demo("model.memory_limit=20"),
        *(demo(f"model.memory_limit={size}") for size in ("512MiB", "20GiB", "20GB")),
    ),
    case(
        carries_out("write it like [2000-01-01, 2000-10-31]"),
        demo(f"{TRAINING}=2000"),
        demo(f"{TRAINING}=[2000-01-01, 2000-10-31]"),
    ),
    case(
        carries_out("exchange the two"),
        demo(f"{TRAINING}=[2000-10-31, 2000-01-01]"),
        demo(f"{TRAINING}=[2000-01-01, 2000-10-31]"),
    ),
    case(
        carries_out(
            "leave `members` out, or perturb the initial states, such as "
            "forecast.perturbations='[{plugin: gaussian}]', "
            "or train a model with noise, such as `model.noise: {channels: 4}`"
        ),
        demo("forecast.members=3"),
        demo(),
        demo("forecast.members=3", "forecast.perturbations=[{plugin: gaussian}]"),
        demo("forecast.members=3", "model.noise={channels: 4}"),
    ),
    case(
        carries_out("keep each name in one list"),
        demo("data.variables.forcing=[orog,lsm,tp]"),
        demo("data.variables.forcing=[orog,lsm]"),
    ),
    case(
        carries_out("add them to `forcing` too"),
        demo("data.variables.constant=[z]"),
        demo("data.variables.constant=[z]", "data.variables.forcing=[z]"),
    ),
    case(
        carries_out("leave them out; limits of {} hold for its fraction too"),
        demo("+model.bounding.tp={fraction_of: z, minimum: 0}"),
        demo("+model.bounding.tp={fraction_of: z}"),
    ),
    case(
        carries_out("change `forecast.lead_time` or `data.timestep`"),
        demo("forecast.lead_time=9h"),
        demo("forecast.lead_time=12h"),
        demo("forecast.lead_time=9h", "data.timestep=3h"),
    ),
    case(carries_out("write it like '6h', '30min' or '2d'"), demo("data.timestep=six"), demo("data.timestep=6h")),
    case(
        carries_out("write it like '2000-01-01T06', in UTC"),
        demo(f"{TRAINING}=[yesterday, 2000-10-31]"),
        demo(f"{TRAINING}=[2000-01-01T06, 2000-10-31]"),
    ),
    case(carries_out("installed: {}"), demo("graph.plugin=x"), demo("graph.plugin=limited-area")),
    case(carries_out("did you mean {}?{}   {}"), demo("graph.plugin=icosahedrall"), demo("graph.plugin=icosahedral")),
    case(
        carries_out("see every key and its default: wxml config show"),
        demo("seed=one"),
        demo("seed=1"),
    ),
]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The config of the user is in the folder of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.parametrize(("broken", "mended"), CASES)
def test_the_fix_helps(broken: Action, mended: tuple[Action, ...], tmp_path: Path) -> None:
    with pytest.raises(WxmlError):
        broken(tmp_path)
    for action in mended:
        action(tmp_path)
