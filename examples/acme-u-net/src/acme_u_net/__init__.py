"""A processor for wxml that works on coarser and coarser node sets of the graph, and back: a U-Net."""
