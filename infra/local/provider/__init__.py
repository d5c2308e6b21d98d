"""The Pulumi provider plugin `lxd`: hosts, networks and block devices of one machine.

schema.py says what each property means and what a change of it does; one module a resource does it; server.py
speaks the engine's protocol. It is built on the SDK's gRPC stubs.
"""
