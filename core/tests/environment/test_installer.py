import json
import sys
from pathlib import Path

import pytest
import wxml
from wxml.environment.installer import install_command, installer, uninstall_command


@pytest.fixture
def environment(site, tmp_path, monkeypatch):
    """An environment in a folder: what its wxml-core was installed by, and the files that its makers left."""
    prefix = tmp_path / "environment"
    (prefix / "bin").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "executable", str(prefix / "bin" / "python"))
    monkeypatch.setattr(sys, "path", [str(site.folder)])
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(written: str, *, pip: bool = True, conda: bool = False, pyvenv: str = "") -> Path:
        core = site.add("wxml-core", "")
        (core / "INSTALLER").write_text(written)
        running = {"url": Path(wxml.__file__).parents[1].as_uri(), "dir_info": {"editable": True}}
        (core / "direct_url.json").write_text(json.dumps(running))
        if pip:
            site.add("pip", "")
        if conda:
            (prefix / "conda-meta").mkdir()
        if pyvenv:
            (prefix / "pyvenv.cfg").write_text(pyvenv)
        return prefix

    return make


@pytest.mark.parametrize(
    ("written", "pip", "conda", "pyvenv", "expected"),
    [
        ("pip\n", True, False, "", "pip"),
        ("", True, False, "", "pip"),
        ("poetry 1.8.3", True, False, "", "pip"),
        ("uv\n", False, False, "", "uv"),
        ("uv", True, False, "", "uv"),
        ("pip", False, False, "home = /usr/bin\nuv = 0.5.1\n", "uv"),
        ("pip", True, False, "home = /usr/bin\nuv = 0.5.1\n", "pip"),
        ("pip", False, False, "home = /uv\n", "pip"),
        ("conda\n", True, True, "", "conda"),
        ("conda", True, False, "", "pip"),
        ("pip", True, True, "", "pip"),
        ("uv", False, True, "", "uv"),
    ],
)
def test_the_installer_is_what_installed_the_core(environment, written, pip, conda, pyvenv, expected) -> None:
    environment(written, pip=pip, conda=conda, pyvenv=pyvenv)
    assert installer() == expected


def test_pip_is_called_by_the_interpreter_that_is_on_the_path_or_by_its_path(environment, monkeypatch) -> None:
    prefix = environment("pip")
    assert install_command("acme>=1,<2") == f"{prefix}/bin/python -m pip install 'acme>=1,<2'"
    (prefix / "bin" / "python").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(prefix / "bin"))
    assert install_command("acme>=1,<2") == "python -m pip install 'acme>=1,<2'"
    assert install_command("acme", "wxml-core==1", upgrade=True) == (
        "python -m pip install --upgrade 'acme' 'wxml-core==1'"
    )
    assert uninstall_command("acme") == "python -m pip uninstall acme"


def test_uv_is_told_where_to_install_unless_the_environment_is_active(environment, monkeypatch) -> None:
    prefix = environment("uv", pip=False)
    assert install_command("acme") == f"uv pip install --python {prefix}/bin/python 'acme'"
    assert uninstall_command("acme") == f"uv pip uninstall --python {prefix}/bin/python acme"
    monkeypatch.setenv("VIRTUAL_ENV", str(prefix))
    assert install_command("acme") == "uv pip install 'acme'"


def test_conda_is_told_where_to_install_unless_the_environment_is_active(environment, monkeypatch) -> None:
    prefix = environment("conda", conda=True)
    assert install_command("acme>=1") == f"conda install --prefix {prefix} 'acme>=1'"
    monkeypatch.setenv("CONDA_PREFIX", str(prefix))
    assert install_command("acme>=1") == "conda install 'acme>=1'"
    assert install_command("acme", upgrade=True) == "conda install 'acme'"
    assert uninstall_command("acme") == "conda remove acme"


def test_a_path_with_a_space_can_be_pasted(environment, monkeypatch) -> None:
    environment("pip")
    monkeypatch.setattr(sys, "executable", "/my env/bin/python")
    assert install_command("acme") == "'/my env/bin/python' -m pip install 'acme'"
