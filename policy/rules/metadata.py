"""metadata-service: a host does not give its credentials to whoever can make it fetch a URL."""

from __future__ import annotations

from collections.abc import Iterator

from .resource import Resource, Unknown, Violation

INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def metadata(resource: Resource) -> Iterator[Violation]:
    """IMDSv2 is required and its answers go one hop: not into a container, not through a proxy."""
    if resource.type not in (INSTANCE, TEMPLATE):
        return
    given = resource.get("metadataOptions")
    if isinstance(given, Unknown) or (given is None and "launchTemplate" in resource.props):
        return  # from its launch template, which is judged by itself
    options = resource.part("metadataOptions")
    if options.get("httpEndpoint") == "disabled":
        return
    tokens, hops = options.get("httpTokens"), options.get("httpPutResponseHopLimit")
    if tokens != "required" and not isinstance(tokens, Unknown):
        yield Violation(
            resource,
            f"http_tokens is {tokens or 'not set'}, so IMDSv1 answers",
            "set http_tokens='required' in metadata_options",
        )
    if hops != 1 and not isinstance(hops, Unknown):
        yield Violation(
            resource,
            f"the hop limit is {'not set' if hops is None else int(hops)}",
            "set http_put_response_hop_limit=1 in metadata_options",
        )
