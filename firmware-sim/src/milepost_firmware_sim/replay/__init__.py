"""A recording on its way to a reader: read, laid on the clock, re-dated, played."""
