"""The templates of each kind: folders that installed packages declare in the entry-point group `wxml.templates`.

A folder holds `template.toml` and files that end in `.template`. They are for `string.Template`, since the files differ
in a handful of words alone; copier and cookiecutter would bring hooks that run code, and Jinja2 a syntax that templates
of Python and YAML would have to escape. Nothing of the package that brings a folder is imported.
"""

__all__ = ["Template", "kinds", "template_of", "texts"]

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template as Text

from wxml import installed, package_folder, resolve
from wxml.errors import AmbiguousPluginError, BrokenPluginError, UnknownPluginError, nearest

SUFFIX = ".template"  # so that no tool takes a template for the Python, YAML or Git file that it becomes
ABOUT = "template.toml"


@dataclass(frozen=True, slots=True)
class Template:
    """What becomes of one plugin of a kind; each text may hold words such as `$name`."""

    kind: str
    provider: str
    """The distribution that brings the template."""
    summary: str
    """What the written plugin does, as the end of a sentence."""
    files: Mapping[str, str]
    """Path in the repository → content."""
    entry_points: Mapping[str, Mapping[str, str]]
    """Group → name → where it is."""
    requires: tuple[str, ...] = ()
    """Requirements of the plugin beyond wxml-core; that of an extra of wxml-core has no version."""
    tests: tuple[str, ...] = ()
    """Further requirements of its tests."""
    next: tuple[str, ...] = ()
    """Commands to type when it is installed."""

    def filled(self, text: str, words: Mapping[str, str]) -> str:
        """The text with the words in their places.

        Raises:
            BrokenPluginError: it names a word that there is not.
        """
        try:
            return Text(text).substitute(words)
        except (KeyError, ValueError) as error:
            raise _broken(self.provider, self.kind, f"names a word that there is not: {error}") from error


def kinds() -> dict[str, str]:
    """The kinds that have templates, each with the distributions that bring them."""
    records = [record for record in installed().select("template") if record.status in ("ok", "conflict")]
    return {record.name: record.distribution for record in records}


def template_of(kind: str) -> Template:
    """The template of a kind, written in any way; `Data_Sources` is understood as `data-source`.

    Raises:
        UnknownPluginError: there is none; names the nearest.
        AmbiguousPluginError: two packages bring one.
        BrokenPluginError: its folder lacks something.
    """
    name = kind_name(kind)
    found = [record for record in installed().select("template") if record.name == name]
    if not found:
        raise UnknownPluginError(f"no template for plugins of the kind {kind!r}", fix=nearest(name, kinds()))
    several = [record for record in found if record.status == "conflict"]
    if several:
        names = " and ".join(record.distribution for record in several)
        fix = f"disable all but one, such as WXML_PLUGINS=-{several[-1].distribution}"
        raise AmbiguousPluginError(f"{names} bring a template of the kind {name!r} each", fix=fix)
    record = resolve("template", name)
    folder = package_folder(record.value)
    if folder is None:
        raise _broken(record.provider, name, f"is in `{record.value}`, which is no folder of the package")
    return _read(folder, name, record.provider)


def kind_name(written: str) -> str:
    """The name of a kind from any way of writing it, such as `data-source` from `Data_Sources`."""
    names = kinds()
    singular = written.lower().replace("_", "-")
    return next((name for name in (singular, singular[:-1], singular[:-2]) if name in names), singular)


def _read(folder: Path, kind: str, provider: str) -> Template:
    try:
        about = tomllib.loads((folder / ABOUT).read_text(encoding="utf-8"))
        points = {group: dict(names) for group, names in about["entry-points"].items()}
        lists = {key: tuple(about.get(key, ())) for key in ("requires", "tests", "next")}
        return Template(kind, provider, about["summary"], dict(texts(folder)), points, **lists)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"has no `{error.args[0]}`" if isinstance(error, KeyError) else f"cannot be read: {error}"
        raise _broken(provider, kind, f"({ABOUT} in `{folder}`) {reason}") from error


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Path, without the suffix, and content of every template below a folder."""
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        yield path.relative_to(folder).as_posix().removesuffix(SUFFIX), path.read_text(encoding="utf-8")


def _broken(provider: str, kind: str, problem: str) -> BrokenPluginError:
    return BrokenPluginError(
        f"plugin {provider} (template {kind!r}) {problem}", fix=f"tell the authors of {provider.partition(' ')[0]}"
    )
