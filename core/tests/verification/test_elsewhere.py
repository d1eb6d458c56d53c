"""Verification in other processes: who can, and whether they read the same."""

from types import SimpleNamespace

import pytest
from wxml import PluginChoice
from wxml.errors import ConfigError, DataError
from wxml.verification.elsewhere import Origin, check_takes_workers


@pytest.mark.carries_out("leave --scheduler out")
def test_a_verifier_of_one_process_gets_no_workers() -> None:
    choice, verifier = PluginChoice(plugin="acme"), SimpleNamespace(takes_workers=False)
    with pytest.raises(ConfigError, match="'acme' scores in one process"):
        check_takes_workers(verifier, choice, "tcp://host:8786")
    check_takes_workers(verifier, choice, None)
    check_takes_workers(SimpleNamespace(takes_workers=True), choice, "tcp://host:8786")


@pytest.mark.carries_out("start the workers in the folder of the command, or write absolute paths")
def test_a_worker_that_reads_another_truth_is_refused(tmp_path, monkeypatch) -> None:
    def truth(path):
        return SimpleNamespace(provenance=lambda: {"path": path})

    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    relative, absolute = Origin.of(truth("era5.nc")), Origin.of(truth("/data/era5.nc"))
    relative.check(truth("era5.nc"))
    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(DataError, match=r"a worker in `.*there` reads another truth than the command in"):
        relative.check(truth("another era5.nc"))
    absolute.check(truth("/data/era5.nc"))
    monkeypatch.chdir(tmp_path)
    relative.check(truth("era5.nc"))
