"""The one error of this package."""


class EmbeddedError(Exception):
    """An embedded server cannot start, run or stop; the text is one line for people."""
