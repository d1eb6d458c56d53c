"""The page of a graph: one HTML file that needs no other file and no network."""

__all__ = ["render_page", "write_page"]

import hashlib
import json
from base64 import b64encode
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from wxml.files.staging import staged
from wxml.terminal import printable

from wxml_graph_viewer.chosen import Chosen
from wxml_graph_viewer.drawing.view import View
from wxml_graph_viewer.globe.contents import contents
from wxml_graph_viewer.opening import Opened


def write_page(opened: Opened, chosen: Chosen, view: View, target: Path, *, overwrite: bool = False) -> None:
    """Write the page of a graph, beside the target and then renamed.

    Args:
        opened: the graph.
        chosen: the sets that are seen when the page is opened.
        view: from where the globe is seen at first.
        target: the file.
        overwrite: replace a file that is there.

    Raises:
        ArtefactError: the file may not be written.
    """
    text = render_page(opened, chosen, view)
    with staged(target, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def render_page(opened: Opened, chosen: Chosen, view: View) -> str:
    """Fill the template, which escapes every text; the browser runs the scripts of these hashes and no others."""
    told, arrays = contents(opened.graph, chosen, view)
    bundled = files("wxml_graph_viewer.bundled")
    code = bundled.joinpath("globe.js").read_text(encoding="utf-8")
    style = files("wxml_graph_viewer.globe").joinpath("templates", "globe.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("wxml_graph_viewer.globe"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page: str = environment.get_template("globe.html.jinja").render(
        title=printable(opened.path.stem),
        identity=opened.graph.identity,
        told=_json(told),
        arrays=arrays,
        code=Markup(code),  # noqa: S704  # checked in, and known to the browser by its hash
        style=Markup(style),  # noqa: S704  # as the code
        code_hash=_hash(code),
        style_hash=_hash(style),
        licences=bundled.joinpath("LICENSES.txt").read_text(encoding="utf-8"),
    )
    return page


def _json(told: object) -> Markup:
    """JSON that ends no script, whatever the names in it are."""
    text = json.dumps(told, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704  # no markup is left in it


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"
