"""The lock of procedures: one playbook at a time changes an environment.

action plugin `procedure_lock` -> keeper (a process on the controller) -> onhost (on a control host) -> etcd
"""
