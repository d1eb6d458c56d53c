"""Files that wxml leaves behind: the checkpoint, the provenance record in every artefact, and how to read it again."""
