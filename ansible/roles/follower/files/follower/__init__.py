"""Follows the leader in etcd: points pgBouncer at it, and holds statements while there is none."""
