"""The process that tries one plugin: it imports the plugin, checks it, and says what is wrong."""

__all__ = ["main", "try_plugin"]

import inspect
import json
import logging
import os
import signal
from typing import NoReturn

from wxml.errors import WxmlError
from wxml.plugins.catalog import OF_KINDS, PluginRecord
from wxml.plugins.load import import_object, load
from wxml.plugins.migrations import declared
from wxml.plugins.options.model import options_model
from wxml.plugins.source_files import package_folder


def main(record: str) -> NoReturn:
    """Try the plugin that a JSON text describes, write `{"problem": …}` to stdout, and end at once.

    What the plugin itself writes to stdout, even from C, goes to stderr.
    """
    answer = os.dup(1)
    os.dup2(2, 1)
    try_plugin(record, answer)


def try_plugin(record: str, answer: int) -> NoReturn:
    """Try the plugin that a JSON text describes, write `{"problem": …}` to the file number `answer`, and end at once.

    The process leads a group of its own, and file number 0 is a pipe that ends when it must.
    """
    _end_with_parent()
    logging.disable()
    tried = PluginRecord(**json.loads(record))
    try:
        fault = _fault(tried)
        problem = f"`{tried.value}` {fault}" if fault else ""
    except KeyboardInterrupt:
        problem = "it raised KeyboardInterrupt when it was imported"
    except WxmlError as error:
        problem = error.message
    os.write(answer, json.dumps({"problem": problem}).encode())
    os._exit(0)  # threads and exit handlers of a plugin must not run


def _end_with_parent() -> None:
    """Start a process that kills this one, and all that it has started, when the pipe from the parent ends.

    A thread would not do, since a plugin in a loop of C code stops it. The plugin gets no input.
    """
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if hasattr(os, "fork") and os.fork() == 0:  # Windows has neither `fork` nor groups of processes
        os.read(pipe, 1)  # returns when the parent has ended
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.close(pipe)


def _fault(record: PluginRecord) -> str:
    """Check a record as its kind demands, and say what is wrong; importing a plugin may also raise it."""
    if record.kind == "preset":  # a file that the catalogue has found
        return ""
    if record.kind == "template":
        return "" if package_folder(record.value) else f"`{record.value}` is no folder of an installed package"
    if record.kind in OF_KINDS:
        return "" if inspect.isclass(import_object(record)) else "is no class"
    if record.kind == "command":
        import click

        return "" if isinstance(import_object(record), click.Command) else "is not a click command"
    if record.kind == "migration":
        declared(record)
        return ""
    if record.kind != "hook":
        options_model(load(record))
        return ""
    import pluggy

    from wxml.plugins.hooks import PROJECT, Specifications

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specifications)
    try:
        manager.register(import_object(record))
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        return f"has hooks that do not fit: {error}"
    return ""
