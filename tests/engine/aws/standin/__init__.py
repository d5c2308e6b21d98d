"""A stand-in for the provider plugin pulumi-resource-aws, for tests: resources become calls of boto3 to a
moto server.

It proves the graph, the order, what each request says and the laws of AWS that laws/ writes down. It does
not prove
what the real provider sends, nor IAM, quotas, capacity, prices, or that anything boots.

table/ says what each resource type is in AWS's API, a file a service; server.py speaks the engine's
protocol. What is
not in the table is refused: a type, a property, and a change of a property that the table does not know
the effect of.
"""
