"""What can go wrong with `milepost-collector eta` and be mended by who calls it."""


class EtaError(Exception):
    """A command cannot be done; the message says what to mend."""
