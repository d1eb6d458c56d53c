"""Records of a training: what calls the trackers, the trackers of this package, and `wxml track`."""
