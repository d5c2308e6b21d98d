"""The rules of the policy pack: pure functions of resources, one family a file."""
