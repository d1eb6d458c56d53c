import sys
import zipfile
from importlib import metadata

import pytest
from wxml.environment.distributions import find_distributions
from wxml.environment.names import fold
from wxml.plugins.catalog import scan


def test_everything_installed_is_found_as_importlib_finds_it() -> None:
    """Names, versions, requirements and entry points of this environment, which nobody made for this test."""
    first: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        first.setdefault(fold(distribution.metadata["Name"]), distribution)
    found = find_distributions()
    assert set(found) == set(first)
    assert len(found) > 20
    for name, other in first.items():
        mine = found[name].header
        points = {(point.group, point.name, point.value) for point in other.entry_points}
        assert (mine.version, set(mine.requires)) == (other.version, set(other.requires or ()))
        assert set(found[name].entry_points) == points


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_headers_end_with_the_first_empty_line(site, line_end) -> None:
    info = site.add("acme", "")
    lines = ["Metadata-Version: 2.1", "NAME: Acme", "Version: 3", "Summary: a: b", "", "Version: 4", "Requires-Dist: x"]
    (info / "METADATA").write_text(line_end.join(lines), newline="")
    header = find_distributions()["acme"].header
    assert (header.name, header.version, header.summary, header.requires) == ("Acme", "3", "a: b", ())


def test_comments_and_spaces_in_entry_points(site) -> None:
    site.add("acme", "# all\n[ wxml.trainers ]\n; none\n  it=acme:It\n\n[other]\na = b\n")
    assert find_distributions()["acme"].entry_points == [("wxml.trainers", "it", "acme:It"), ("other", "a", "b")]


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
    assert "acme" in find_distributions()
