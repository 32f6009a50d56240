"""The judges: one file per group of sentences, each a pass over the evidence."""
