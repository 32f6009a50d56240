"""The benchmark around `sixin bench`: the suite, the limits of the machine, the peers, and the page of figures."""
