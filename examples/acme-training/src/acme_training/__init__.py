"""Parts of a training for wxml: a loss, a weight of losses, a metric and a callback."""
