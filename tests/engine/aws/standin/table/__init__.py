"""Every resource type that the stand-in knows, by Pulumi's token. Another one is refused."""

from standin.row import Row
from standin.table import (
    cdn,
    certificates,
    iam,
    instances,
    kms,
    load_balancers,
    network,
    network_acl,
    s3,
    security,
    volumes,
    waf,
    watch,
)

TABLE: dict[str, Row] = {
    **network.ROWS,
    **network_acl.ROWS,
    **security.ROWS,
    **instances.ROWS,
    **volumes.ROWS,
    **iam.ROWS,
    **kms.ROWS,
    **s3.ROWS,
    **load_balancers.ROWS,
    **certificates.ROWS,
    **waf.ROWS,
    **cdn.ROWS,
    **watch.ROWS,
}
