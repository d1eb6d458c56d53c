"""Graphs of wxml: built, inspected, drawn on maps and on a globe, and exchanged with other packages.

The command is `wxml graph`. Public for Python are the functions of `wxml_graph_viewer.exchange`.
"""
