"""How a remote place is reached: who asks, where, and how patiently."""

__all__ = ["StorageOptions"]

from typing import Annotated

from pydantic import Field
from wxml import Options


class StorageOptions(Options):
    """Options of remote places. None of them holds a secret: credentials come from the environment.

    The libraries take theirs from the usual variables and files (`AWS_ACCESS_KEY_ID`, `~/.aws`,
    `GOOGLE_APPLICATION_CREDENTIALS`). An address may hold `${oc.env:NAME}`.
    """

    anonymous: Annotated[
        bool, Field(description="Ask without credentials, as public buckets of s3:// and gs:// want")
    ] = False
    endpoint: Annotated[str | None, Field(description="The address of another server that speaks S3 or GCS")] = None
    region: Annotated[str | None, Field(description="The region of an s3:// bucket")] = None
    requester_pays: Annotated[
        bool, Field(description="Whether the costs of s3:// and gs:// go to the one who asks")
    ] = False
    token_variable: Annotated[
        str | None, Field(description="The environment variable with a bearer token for http:// and https://")
    ] = None
    timeout: Annotated[float, Field(gt=0, le=3600, description="Seconds to wait for a server that sends nothing")] = 60
    attempts: Annotated[
        int, Field(ge=1, le=20, description="How often a request is made before a passing fault counts")
    ] = 4
    concurrency: Annotated[int, Field(ge=1, le=1024, description="The most requests at once")] = 64
