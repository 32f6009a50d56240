"""The tests; a package, so that no installed package called tests can stand in its way."""
