import os
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from wxml.cli.diagnosis import general_health
from wxml.environment.distributions import Environment, version_of
from wxml.environment.names import canonical_name
from wxml.plugins.catalog import PluginRecord, scan

POINTS = "[wxml.trainers]\nit = acme_x:It\n"


def records(distribution: str) -> list[PluginRecord]:
    return [record for record in scan().records if record.distribution == distribution]


def doubts(distribution: str) -> list[str]:
    """What `wxml doctor` says of a distribution."""
    return [check.advice for check in general_health().checks if check.subject == distribution]


def write(folder: Path, name: str, version: str, points: str = POINTS, file: str = "METADATA") -> Path:
    """Metadata as some installer may have left them."""
    folder.mkdir(parents=True)
    (folder / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if points:
        (folder / "entry_points.txt").write_text(points)
    return folder


def test_everything_installed_is_found_as_importlib_finds_it() -> None:
    """Names, versions, requirements and entry points of this environment, which nobody made for this test."""
    first: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():  # noqa: TID251
        first.setdefault(canonical_name(distribution.metadata["Name"]), distribution)
    environment = Environment()
    assert len(first) > 20
    for name, other in first.items():
        mine = environment.find(name)
        assert mine is not None
        assert (mine.name, mine.version, mine.requires) == (name, other.version, list(other.requires or ()))
        assert set(mine.entry_points) == set(other.entry_points)


def test_a_left_over_folder_without_metadata_is_no_distribution(site) -> None:
    site.add("acme", POINTS, version="1.0")
    (site.folder / "acme-0.9.dist-info").mkdir()
    (record,) = records("acme")
    assert (record.version, record.status) == ("1.0", "ok")
    (advice,) = doubts("acme")
    assert advice == f"`{site.folder / 'acme-0.9.dist-info'}` is left over (its folder has no METADATA): delete it"


def test_of_two_versions_in_one_folder_the_higher_counts_and_doctor_tells(site) -> None:
    for version in ("0.9", "0.10"):
        write(site.folder / f"acme-{version}.dist-info", "acme", version)
    (record,) = records("acme")
    assert (record.version, version_of("Acme")) == ("0.10", "0.10")
    place = site.folder
    assert doubts("acme") == [
        f"is there twice: 0.10 in `{place}` counts; 0.9 in `{place}` does not: remove one of them"
    ]


def test_metadata_of_a_source_tree_hide_what_is_installed_and_doctor_tells(site, tmp_path, monkeypatch) -> None:
    site.add("acme", POINTS, version="1.0")
    write(tmp_path / "source" / "acme.egg-info", "acme", "0.1", points="", file="PKG-INFO")
    monkeypatch.syspath_prepend(tmp_path / "source")
    assert records("acme") == []
    (advice,) = doubts("acme")
    assert f"0.1 in `{tmp_path / 'source'}` counts, and declares no plugins; 1.0 in `{site.folder}`" in advice


def test_two_equal_copies_are_no_problem(site, tmp_path, monkeypatch) -> None:
    site.add("acme", POINTS, version="1.0")
    write(tmp_path / "source" / "acme.egg-info", "acme", "1.0", file="PKG-INFO")
    monkeypatch.syspath_prepend(tmp_path / "source")
    assert [record.version for record in records("acme")] == ["1.0"]
    assert doubts("acme") == []


@pytest.mark.parametrize("folder", ["acme-wxml-1.0.dist-info", "Acme.WxML-1.0.dist-info", "acme_wxml-1.0.dist-info"])
def test_a_name_with_dashes_or_dots_is_found_in_any_spelling(site, folder) -> None:
    write(site.folder / folder, "Acme.WxML", "1.0")
    write(site.folder / "acme-2.0.dist-info", "acme", "2.0")
    site.trainer("needy", "needy_x", metadata="Requires-Dist: acme_wxml<2\n")
    assert [record.version for record in records("acme-wxml")] == ["1.0"]
    assert [record.version for record in records("acme")] == ["2.0"]
    assert "(" not in records("needy")[0].problem
    assert version_of("ACME_wxml") == "1.0"


def test_a_byte_order_mark_is_no_part_of_metadata(site) -> None:
    info = site.add("acme", "")
    (info / "METADATA").write_text("\ufeffName: acme\nVersion: 3\nRequires-Dist: nowhere\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"\ufeff{POINTS}", encoding="utf-8")
    (record,) = records("acme")
    assert (record.version, record.problem) == ("3", "needs nowhere (not installed)")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_headers_end_with_the_first_empty_line(site, line_end) -> None:
    info = site.add("acme", "")
    lines = ["Metadata-Version: 2.1", "NAME: Acme", "Version: 3", "Summary: a: b", "", "Version: 4", "Requires-Dist: x"]
    (info / "METADATA").write_text(line_end.join(lines), newline="")
    found = Environment().find("acme")
    assert found is not None
    assert (found.name, found.version, found.summary, found.requires) == ("acme", "3", "a: b", [])


def test_comments_and_spaces_in_entry_points(site) -> None:
    site.add("acme", "# all\n[wxml.trainers]\n; none\n  it=acme:It\n\n[other]\na = b\n")
    found = Environment().find("acme")
    assert found is not None
    points = [(point.group, point.name, point.value) for point in found.entry_points]
    assert points == [("wxml.trainers", "it", "acme:It"), ("other", "a", "b")]


def test_a_distribution_of_the_old_kind_has_its_requirements_read_too(site) -> None:
    folder = site.folder / "old_one-2.0.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Metadata-Version: 1.2\nName: old-one\nVersion: 2.0\n")
    (folder / "requires.txt").write_text("nowhere>=2\n\n[fast]\nanything\n")
    (folder / "entry_points.txt").write_text("[wxml.trainers]\nit = old_one:It\n")
    (record,) = (record for record in scan().records if record.distribution == "old-one")
    assert (record.version, record.problem) == ("2.0", "needs nowhere>=2 (not installed)")


def test_a_distribution_in_a_zip_file_is_found(tmp_path, monkeypatch) -> None:
    archive = tmp_path / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped-1.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\nVersion: 1.5\n")
        file.writestr("zipped-1.5.dist-info/entry_points.txt", "[wxml.trainers]\nit = zipped:It\n")
    monkeypatch.syspath_prepend(archive)
    (record,) = (record for record in scan().records if record.distribution == "zipped")
    assert (record.full_name, record.version, record.status) == ("zipped:it", "1.5", "ok")


def test_what_another_finder_knows_is_found(site, monkeypatch) -> None:
    info = site.add("elsewhere", "[wxml.trainers]\nit = elsewhere:It\n")
    sys.path.remove(str(site.folder))

    class Finder:
        @staticmethod
        def find_spec(*_arguments):
            return None

        @staticmethod
        def find_distributions(_context=None):
            return [metadata.Distribution.at(info)]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert [record.name for record in scan().records if record.distribution == "elsewhere"] == ["it"]


def test_a_folder_that_cannot_be_read_is_passed_over(site, monkeypatch, tmp_path) -> None:
    site.trainer("acme", "acme_x")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "nowhere"), *sys.path])
    assert Environment().find("acme") is not None


def test_what_is_installed_is_listed_again_only_if_it_has_changed(site, tmp_path, monkeypatch) -> None:
    site.add("acme", POINTS, version="1.0")
    os.utime(site.folder, ns=(0, 2 * 10**18))
    assert Environment.now() is not Environment.now(), "a change right after another may leave the time of the folder"
    for path in (site.folder, *site.folder.glob("acme-1.0.dist-info/*")):
        os.utime(path, ns=(0, 10**18))
    first = Environment.now()
    assert Environment.now() is first
    (site.folder / "acme-1.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 1.5\n")
    assert version_of("acme") == "1.5"
    (site.folder / "acme-1.0.dist-info").rename(site.folder / "acme-2.0.dist-info")
    write(tmp_path / "first" / "acme-3.0.dist-info", "acme", "3.0")
    assert version_of("acme") == "1.5", "as the metadata say"
    assert Environment.now() is not first
    monkeypatch.syspath_prepend(tmp_path / "first")
    assert version_of("acme") == "3.0"
    write(tmp_path / "first" / "acme-4.0.dist-info", "acme", "4.0")
    assert version_of("acme") == "4.0"
