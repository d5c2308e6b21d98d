"""The provider plugin `ec2console`: what an EC2 instance says on its console.

It has one resource, SshHostKey. docs/decisions/ssh-on-aws.md says why.
"""
