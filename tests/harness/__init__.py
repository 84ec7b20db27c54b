"""What the tests of the whole system share: the running system, the world it is told of, the oracle."""
