"""The option `icechunk`: which version of a repository is read."""

__all__ = ["IcechunkVersion"]

from typing import Annotated, Self

from pydantic import Field, model_validator
from wxml import Options
from wxml.errors import DataError


class IcechunkVersion(Options):
    """The version of an Icechunk repository, by one name; the newest of the branch `main` without any."""

    branch: Annotated[str | None, Field(description="The newest version of this branch")] = None
    tag: Annotated[str | None, Field(description="The version with this tag")] = None
    snapshot: Annotated[str | None, Field(description="The version with this id, which never changes")] = None

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        given = self.given
        if len(given) > 1:
            raise DataError(
                f"a version is one of `branch`, `tag` and `snapshot`, got {' and '.join(given)}", fix="keep one of them"
            )
        return self

    @property
    def given(self) -> dict[str, str]:
        """The kinds of names that are given, with the names."""
        names = {"branch": self.branch, "tag": self.tag, "snapshot": self.snapshot}
        return {kind: name for kind, name in names.items() if name is not None}
