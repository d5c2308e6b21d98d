"""What tests about AWS share: Pulumi's mocks, and hosts, balancer and AWS itself that answer from memory."""
