"""What is asked of scores, against what there will be scores of: looked at before the first case is read."""

__all__ = ["check_asked", "check_beforehand"]

from collections.abc import Sequence

from wxml.errors import DataError, nearest
from wxml.verification.requirements import Requirement, check_requirements
from wxml.verification.verifier import ScoreNames, VerificationTask, Verifier


def check_asked(
    names: ScoreNames, *, metric: str | None, requirements: Sequence[Requirement], forecast: str = ""
) -> None:
    """Raise a DataError if scores with these names lack what is asked for.

    Args:
        names: those of the scores.
        metric: one that they must have; None: any.
        requirements: what is asked of them.
        forecast: the file, where there are several.
    """
    if metric is not None and metric not in names.metrics:
        scores = f"the scores of `{forecast}`" if forecast else "these scores"
        raise DataError(f"{scores} have no metric {metric!r} (--metric)", fix=nearest(metric, names.metrics))
    check_requirements(names, requirements, forecast)


def check_beforehand(
    verifier: Verifier, task: VerificationTask, *, metric: str | None, requirements: Sequence[Requirement]
) -> None:
    """Open what `verify` would open, and raise the error with which it would end before the first case.

    Args:
        verifier: one that tells names only while it scores is not asked.
        task: without a folder.
        metric: see `check_asked`.
        requirements: likewise.

    Raises:
        WxmlError: the forecast or the truth cannot be read, they do not fit, or the scores will lack what is asked for.
    """
    names = verifier.score_names(task)
    if names is not None:
        check_asked(names, metric=metric, requirements=requirements, forecast=str(task.forecast))
