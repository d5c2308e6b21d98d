"""What tests of several suites share; no test is in here."""
