"""Checks this environment against the profile `operations`, if it holds."""

__all__ = ["profile_checks"]

from collections.abc import Iterator

from wxml.cli.checks import Check
from wxml.environment.distributions import version_of
from wxml.environment.names import CORE
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.location import package_root
from wxml.plugins.lock import core_record
from wxml.plugins.policy import OPERATIONS, PROFILE_VARIABLE, Policy


def profile_checks() -> Iterator[Check]:
    """The profile of this machine, and each allowed package whose code may not run under it."""
    policy = Policy.from_environment()
    if not policy.is_operations and not policy.profile:
        yield Check("profile", "none", "absent")
        return
    refusal = "" if policy.has_allow_list and policy.is_operations else policy.refusal("a-plugin")
    source = policy.site.path if policy.site.profile else PROFILE_VARIABLE
    found = f"{policy.profile or policy.site.profile} (from {source})"
    yield Check("profile", found, "problem" if refusal else "ok", advice=_with_remedy(policy, refusal))
    if policy.is_operations:
        yield from _code()


def _with_remedy(policy: Policy, refusal: str) -> str:
    return f"{refusal}: {policy.remedy('a-plugin')}" if refusal else ""


def _code() -> Iterator[Check]:
    from wxml.plugins.operations import code_fault

    records: dict[str, PluginRecord] = {CORE: core_record()}
    for record in installed().records:
        if record.status != "disabled":
            records.setdefault(record.distribution, record)
    for name, record in records.items():
        if fault := code_fault(name, package_root(record)):
            requirement = f"{name}=={record.version}"
            advice = f"may not run under the profile `{OPERATIONS}`: {fault}"
            yield Check(name, version_of(name), "problem", advice=advice, requirement=requirement, reinstall=True)
