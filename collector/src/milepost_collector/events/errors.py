"""What can go wrong with `milepost-collector events` and be mended by who calls it."""


class EventsError(Exception):
    """A command cannot be done; the message says what to mend."""
