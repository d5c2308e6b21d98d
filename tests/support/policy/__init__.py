"""What the tests of the policy pack share: resources in few words, right and wrong."""
