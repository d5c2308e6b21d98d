"""Pure: from traffic to what it takes. Formulas only; what there is to take is in `infra.catalogue`.

Every formula is one of docs/sizing-facts.md, and tests/unit/data/sizing-vectors.yaml holds what they give.
Names carry the unit: `_per_s`, `_ms`, `_gb` (decimal), `_gib` (binary), `_bytes`, `_usd_month`; a figure
without one is a count or a share.
"""

#: Hours and days of a month as AWS bills it.
HOURS_MONTH = 730
DAYS_MONTH = 30.4167
DAY_S = 86_400
#: PostgreSQL's page.
PAGE_BYTES = 8192
GB = 1e9
#: Decimal gigabytes in a GiB, decimal megabytes in a MiB.
GB_PER_GIB = 2**30 / 1e9
MB_PER_MIB = 2**20 / 1e6
