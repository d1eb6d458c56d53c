import json
import re
import sys
from pathlib import Path

import pytest
from wxml.errors import AmbiguousPluginError
from wxml.plugins.catalog import Catalog, PluginRecord, installed, scan
from wxml.plugins.resolve import resolve


def one(catalog: Catalog, distribution: str) -> PluginRecord:
    (record,) = (record for record in catalog.records if record.distribution == distribution)
    return record


def test_a_plugin_is_read_from_metadata_and_not_imported(site) -> None:
    site.trainer("Acme_WxML", "acme_wxml", "raise RuntimeError")
    record = one(scan(), "acme-wxml")
    expected = PluginRecord("trainer", "it", "acme-wxml", "1.0", "acme_wxml.part:Plugin", summary="about Acme_WxML")
    assert record == expected
    assert record.full_name == "acme-wxml:it"
    assert "acme_wxml" not in sys.modules


def test_the_first_party_kinds_are_there_with_their_interfaces() -> None:
    kinds = installed().kinds
    assert kinds["data-source"].value == "wxml.data.source:DataSource"
    assert {"processor", "mapper", "trainer", "transform", "verifier"} <= set(kinds)


def test_records_are_sorted_and_selected_by_any_spelling_of_the_kind(site) -> None:
    site.add("zeta", "[wxml.data_sources]\nb = zeta:B\nA_b = zeta:A\n")
    site.add("alpha", "[wxml.data_sources]\nb = alpha:B\n")
    catalog = scan()
    keys = [(record.kind, record.name, record.distribution) for record in catalog.records]
    assert keys == sorted(keys)
    assert catalog.select("data_sources") == catalog.select("data-source") == catalog.select("Data_Source")
    mine = [r.full_name for r in catalog.select("data-source") if r.distribution in ("alpha", "zeta")]
    assert mine == ["zeta:a-b", "alpha:b", "zeta:b"]


def test_a_package_may_declare_a_kind_and_others_provide_it(site) -> None:
    site.add("normal", "[wxml.kinds]\nnorms = normal:Norm\n")
    site.add("other", "[wxml.norms]\nhuber = other:Huber\n")
    catalog = scan()
    assert catalog.kinds["norm"].value == "normal:Norm"
    assert [r.full_name for r in catalog.select("norm")] == ["other:huber"]


def test_only_the_package_that_declares_a_kind_gives_its_contract(site) -> None:
    site.add("normal", "[wxml.kinds]\nnorms = normal:Norm\n[wxml.contracts]\nnorms = normal:NormContract\n")
    site.add("other", "[wxml.contracts]\nnorm = other:Easy\nprocessors = other:Easy\n")
    contracts = [record for record in scan().select("contract") if record.distribution in ("normal", "other")]
    assert [(record.full_name, record.status) for record in contracts] == [
        ("normal:norm", "ok"),
        ("other:norm", "broken"),
        ("other:processor", "broken"),
    ]
    assert "does not declare the kind 'norm'" in contracts[1].problem


def test_nobody_replaces_a_kind_of_core(site) -> None:
    site.add("aaa", "[wxml.kinds]\nprocessors = aaa:Mine\n")
    assert scan().kinds["processor"].distribution == "wxml-core"


@pytest.mark.parametrize(
    ("requires", "status", "problem"),
    [
        ("wxml-core>=99", "incompatible", "needs wxml-core>=99 (0.2.0 is installed)"),
        ("wxml-core<0.1", "incompatible", "needs wxml-core<0.1 (0.2.0 is installed)"),
        ("wxml_core>=0.2,<0.3", "ok", ""),
        ("torch-scatter-nowhere>=2", "missing-dependency", "needs torch-scatter-nowhere>=2 (not installed)"),
        ("numpy<1", "missing-dependency", "needs numpy<1 ("),
        ("nowhere; extra == 'test'", "ok", ""),
        ("nowhere; python_version < '3'", "ok", ""),
        ("numpy >>> 3", "broken", "requirement that cannot be read"),
    ],
)
def test_requirements_decide_the_status(site, requires, status, problem) -> None:
    site.trainer("acme", "acme_x", metadata=f"Requires-Dist: {requires}\n")
    record = one(scan(), "acme")
    assert record.status == status
    assert problem in record.problem


def test_the_extras_that_a_requirement_asks_for_are_looked_at_too(site) -> None:
    site.add("basis", "", metadata="Requires-Dist: nowhere>=3; extra == 'torch'\n")
    site.trainer("plain", "plain_x", metadata="Requires-Dist: basis\n")
    site.trainer("with-torch", "with_torch_x", metadata="Requires-Dist: basis[torch]\n")
    catalog = scan()
    assert one(catalog, "plain").status == "conflict"  # with the other `it`, and nothing worse
    assert one(catalog, "with-torch").problem == "needs nowhere>=3 (not installed)"


METADATA = "Requires-Dist: nowhere>=3; extra == 'fast'\n"


def test_an_extra_of_one_plugin_is_no_matter_of_the_others(site) -> None:
    points = "[wxml.trainers]\nplain = acme:Plain\nquick = acme:Quick [fast]\n"
    site.add("acme", points, metadata=METADATA)
    plain, quick = (record for record in scan().select("trainer") if record.distribution == "acme")
    assert (plain.status, plain.extras) == ("ok", "")
    assert (quick.status, quick.problem) == ("needs-extra", "needs nowhere>=3 (not installed)")
    assert (quick.value, quick.extras) == ("acme:Quick", "[fast]")


def test_a_plugin_whose_extra_is_installed_is_ok(site) -> None:
    points = "[wxml.trainers]\nquick = acme:Quick [fast, same]\n"
    site.add("nowhere", "", version="3.1")
    site.add("acme", points, metadata=METADATA)
    assert one(scan(), "acme").status == "ok"


def test_every_missing_dependency_is_named(site) -> None:
    site.trainer("acme", "acme_x", metadata="Requires-Dist: nowhere-a\nRequires-Dist: nowhere-b>1\n")
    assert one(scan(), "acme").problem == "needs nowhere-a (not installed), nowhere-b>1 (not installed)"


def test_two_providers_of_a_name_are_both_in_conflict_whatever_their_order(site, tmp_path, monkeypatch) -> None:
    site.trainer("acme", "acme_x")
    second = type(site)(tmp_path / "second")
    second.trainer("other", "other_x")
    seen = []
    for order in ([site.folder, second.folder], [second.folder, site.folder]):
        monkeypatch.setattr(sys, "path", [*map(str, order), *sys.path])
        seen.append([(r.full_name, r.status, r.problem) for r in scan().select("trainer") if r.name == "it"])
    assert seen[0] == seen[1]
    assert seen[0] == [
        ("acme:it", "conflict", "'it' is provided by other too: write acme:it"),
        ("other:it", "conflict", "'it' is provided by acme too: write other:it"),
    ]


def of(site_of: Catalog, *distributions: str) -> list[tuple[str, str, str, str]]:
    chosen = [record for record in site_of.records if record.distribution in distributions]
    return [(record.kind, record.full_name, record.status, record.problem) for record in chosen]


def test_equal_names_of_hooks_are_no_conflict(site) -> None:
    for name in ("acme", "other"):
        site.add(name, f"[wxml.hooks]\nit = {name}.hooks\n")
    assert of(scan(), "acme", "other") == [("hook", "acme:it", "ok", ""), ("hook", "other:it", "ok", "")]


def test_each_preset_is_listed_and_two_of_one_name_are_in_conflict(site) -> None:
    for name, own in (("acme", "small"), ("other", "wide")):
        files = {f"{name}_x/presets/{file}.yaml": "channels: 8\n" for file in ("model/toy", f"model/{own}", "top")}
        site.add(name, f"[wxml.presets]\nit = {name}_x.presets\n", files | {f"{name}_x/__init__.py": "1 / 0\n"})
    assert of(scan(), "acme", "other") == [
        ("preset", "acme:model/small", "ok", ""),
        ("preset", "acme:model/toy", "conflict", "'model/toy' is provided by other too: write `model: acme:toy`"),
        ("preset", "other:model/toy", "conflict", "'model/toy' is provided by acme too: write `model: other:toy`"),
        ("preset", "other:model/wide", "ok", ""),
    ]


def test_a_folder_of_presets_that_is_not_there_is_broken(site) -> None:
    site.add("acme", "[wxml.presets]\nit = acme_x.presets\n")
    problem = "`acme_x.presets` is no folder of an installed package"
    assert of(scan(), "acme") == [("preset", "acme:it", "broken", problem)]


def test_each_kind_is_listed_and_two_of_one_name_are_in_conflict(site) -> None:
    for name in ("acme", "other"):
        site.add(name, f"[wxml.kinds]\nreaders = {name}_x:Reader\n")
    catalog = scan()
    assert of(catalog, "acme", "other") == [
        (
            "kind",
            f"{name}:reader",
            "conflict",
            f"'reader' is provided by {other} too: disable all but one, such as WXML_PLUGINS=-{other}",
        )
        for name, other in (("acme", "other"), ("other", "acme"))
    ]
    assert ("kind", "wxml-core:trainer", "ok", "") in of(catalog, "wxml-core")


@pytest.mark.parametrize("kind", ["trainers", "hooks", "kinds"])
def test_no_other_package_declares_a_kind_of_core(site, kind) -> None:
    site.add("acme", f"[wxml.kinds]\n{kind} = acme_x:Mine\n")
    ((_, _, status, problem),) = of(scan(), "acme")
    assert (status, "is a kind of wxml-core, which no other package can declare" in problem) == ("broken", True)
    assert installed().kinds["trainer"].distribution == "wxml-core"


@pytest.mark.carries_out("disable all but one:\n{}")
@pytest.mark.parametrize("kept", ["acme", "another", "other"])
def test_using_a_kind_of_several_packages_names_all(site, monkeypatch, kept) -> None:
    for name in ("acme", "another", "other"):
        site.add(name, f"[wxml.kinds]\nreaders = {name}_x:Reader\n")
    site.add("victim", "[wxml.readers]\nit = victim_x:It\n")
    with pytest.raises(AmbiguousPluginError) as caught:
        resolve("reader", "it", scan(), where="experiment.yaml:3")
    assert caught.value.message == (
        "the kind 'reader' is declared by three packages: acme 1.0, another 1.0, other 1.0 (experiment.yaml:3)"
    )
    (rule,) = re.findall(rf"^WXML_PLUGINS=(\S+) keeps that of {kept}$", caught.value.fix, re.MULTILINE)
    monkeypatch.setenv("WXML_PLUGINS", rule)
    assert scan().kinds["reader"].distribution == kept
    assert resolve("reader", "it", scan()).distribution == "victim"


def test_of_two_copies_the_first_on_the_path_is_taken(site, tmp_path, monkeypatch) -> None:
    site.trainer("acme", "acme_x", version="1.0")
    second = type(site)(tmp_path / "second")
    second.trainer("acme", "acme_x", version="2.0")
    monkeypatch.setattr(sys, "path", [str(second.folder), *sys.path])
    assert one(scan(), "acme").version == "2.0"


def test_a_first_copy_without_entry_points_hides_the_second(site, tmp_path, monkeypatch) -> None:
    site.trainer("acme", "acme_x")
    (tmp_path / "second" / "acme-3.0.dist-info").mkdir(parents=True)
    (tmp_path / "second" / "acme-3.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 3.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "second"), *sys.path])
    assert not [record for record in scan().records if record.distribution == "acme"]


def break_name(info: Path) -> None:
    (info / "METADATA").write_text("Metadata-Version: 2.1\nVersion: 1.0\n")


def break_encoding(info: Path) -> None:
    (info / "METADATA").write_bytes(b"Name: caf\xe9\nVersion: 1\n")


def break_entry_point_lines(info: Path) -> None:
    (info / "entry_points.txt").write_text("[wxml.trainers]\nno equals sign\n")


def break_entry_point_encoding(info: Path) -> None:
    (info / "entry_points.txt").write_bytes(b"[wxml.trainers]\nit = caf\xe9:X\n")


def remove_metadata(info: Path) -> None:
    (info / "METADATA").unlink()


BREAKAGES = {
    break_name: "its metadata have no name",
    break_encoding: "its metadata are not UTF-8 (byte 9)",
    break_entry_point_lines: "its entry point must be `package.module:Class`, got ''",
    break_entry_point_encoding: "its entry point must be `package.module:Class`, got 'caf\ufffd:X'",
    remove_metadata: "its folder has no METADATA",
}


@pytest.mark.parametrize("damage", BREAKAGES)
def test_a_damaged_distribution_is_listed_as_broken_and_harms_no_other(site, damage) -> None:
    damage(site.trainer("damaged", "damaged_x"))
    site.trainer("healthy", "healthy_x")
    catalog = scan()
    assert one(catalog, "healthy").status == "ok"
    (record,) = (record for record in catalog.records if record.distribution in ("damaged", "cafe", "caf\ufffd"))
    assert (record.status, record.problem) == ("broken", BREAKAGES[damage])


@pytest.mark.parametrize(
    ("entry_points", "problem"),
    [
        ("[wxml.trainers]\nit = not a value\n", "must be `package.module:Class`, got 'not a value'"),
        ("[wxml.trainers]\nit = package.module\n", "must be `package.module:Class`, got 'package.module'"),
        (
            "[wxml.trainrs]\nit = package:Class\n",
            "no package declares plugins of the kind 'trainr'; known: callback, data-source",
        ),
        ("[wxml.trainers]\na_b = package:A\na-b = package:B\n", "declared twice"),
    ],
)
def test_a_wrong_entry_point_is_listed_as_broken(site, entry_points, problem) -> None:
    site.add("acme", entry_points)
    records = [record for record in scan().records if record.distribution == "acme"]
    assert {record.status for record in records} == {"broken"}
    assert all(problem in record.problem for record in records)


@pytest.mark.parametrize("spelling", ["acme-wxml", "Acme.WxML", "acme_wxml", "ACME__wxml"])
def test_a_denied_distribution_is_disabled_in_any_spelling(site, monkeypatch, spelling) -> None:
    site.trainer("Acme_wxml", "acme_wxml")
    monkeypatch.setenv("WXML_PLUGINS", f"-{spelling}")
    record = one(scan(), "acme-wxml")
    assert (record.status, record.problem) == ("disabled", "denied by the environment variable WXML_PLUGINS")


def test_a_disabled_plugin_is_in_conflict_with_nobody(site, monkeypatch) -> None:
    site.trainer("acme", "acme_x")
    site.trainer("other", "other_x")
    monkeypatch.setenv("WXML_PLUGINS", "-other")
    assert one(scan(), "acme").status == "ok"


def test_a_denied_distribution_declares_no_kind(site, monkeypatch) -> None:
    site.add("normal", "[wxml.kinds]\nnorms = normal:Norm\n")
    site.add("other", "[wxml.norms]\nhuber = other:Huber\n")
    monkeypatch.setenv("WXML_PLUGINS", "-normal")
    assert "norm" not in scan().kinds
    assert one(scan(), "other").status == "broken"


def test_none_leaves_what_core_brings(monkeypatch) -> None:
    monkeypatch.setenv("WXML_PLUGINS", "none")
    enabled = {record.distribution for record in scan().records if record.status != "disabled"}
    assert enabled == {"wxml-core"}


def test_the_catalogue_of_the_process_is_built_once(site) -> None:
    before = installed()
    site.trainer("late", "late_x")
    assert installed() is before
    assert one(scan(), "late").status == "ok"


def test_the_listing_survives_heavy_libraries_that_raise(site) -> None:
    for library in ("torch", "numpy", "pydantic", "scipy", "xarray", "hydra"):
        (site.folder / f"{library}.py").write_text("raise RuntimeError('poisoned')\n")
    site.trainer("acme", "acme_x", "import torch")
    assert "poisoned" in site.run("show-plugin", "trainer", "it").stderr  # the poison works
    done = site.run("list-plugins", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    listed = {plugin["full_name"] for plugin in json.loads(done.stdout)["plugins"]}
    assert {"acme:it", "wxml-core:normalise"} <= listed
