"""The checker of the contract: it takes the history of a run and judges the twelve sentences (`docs/contract.md`)."""
