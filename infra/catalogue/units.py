"""Units: AWS sells decimal gigabytes and bills months of hours, kernels and PostgreSQL count binary ones."""

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
