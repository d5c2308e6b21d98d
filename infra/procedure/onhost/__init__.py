"""The half of the lock that runs on a control host, next to etcd."""
