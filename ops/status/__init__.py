"""`flashtier status`: how a stack's database cluster is, asked of its hosts.

ask (SSH, probe/ on each host) -> answers -> merge (facts) -> judge (reasons, exit code) -> view, JSON
"""
