"""Pure: from traffic to what it takes. Formulas only; what there is to take is in `infra.catalogue`.

Every formula is one of docs/sizing-facts.md, and tests/support/data/sizing-vectors.yaml holds what they give.
Names carry the unit: `_per_s`, `_ms`, `_gb` (decimal), `_gib` (binary), `_bytes`, `_usd_month`; a figure
without one is a count or a share.
"""
