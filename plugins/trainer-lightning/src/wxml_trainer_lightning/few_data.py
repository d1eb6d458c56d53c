"""Says at the start of a training when there are few data for so many weights."""

__all__ = ["few_data"]

FEWEST = 2.0
"""Values of a variable for each weight below which a training is told to have few data: the models of the documentation
have 7 and more, and those that were seen to learn a month by heart 1.4 and fewer (docs/small-data.md)."""


def few_data(samples: int, nodes: int, weights: int) -> str:
    """What to say; empty if there are enough data, or no weights.

    Args:
        samples: the samples of the training period.
        nodes: the grid nodes.
        weights: the weights that are trained.
    """
    if not weights or samples * nodes >= FEWEST * weights:
        return ""
    each = samples * nodes / weights
    return (
        f"few data for this model: {samples:,} samples of {nodes:,} grid nodes are {each:.2g} for each of {weights:,} "
        "weights, which can learn them by heart within a hundred steps and then forecast other months worse than "
        "persistence does. A longer training period helps most, then fewer weights; the preset `experiment=small-data` "
        "is made for such data (docs/small-data.md)"
    )
