"""Tabs in plain HTML: radio buttons that show one panel each; on paper all panels are shown."""

__all__ = ["tabs"]

from collections.abc import Sequence
from html import escape


def tabs(key: str, label: str, panels: Sequence[tuple[str, str]], chosen: int = 0) -> str:
    """A group of panels of which one is seen.

    Args:
        key: unique among the tabs of the page.
        label: what is chosen between, for those who cannot see it.
        panels: the name (text) and the content (HTML) of each.
        chosen: which is seen at first.
    """
    parts = []
    for index, (name, content) in enumerate(panels):
        mark = " checked" if index == chosen else ""
        parts.append(
            f'<input type="radio" name="{escape(key)}" id="{escape(key)}-{index}"{mark}>'
            f'<label for="{escape(key)}-{index}">{escape(name)}</label>'
            f'<div class="panel"><p class="only-print">{escape(name)}</p>{content}</div>'
        )
    return f'<div class="tabs" role="group" aria-label="{escape(label)}">{"".join(parts)}</div>'
