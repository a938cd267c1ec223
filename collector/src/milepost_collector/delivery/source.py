"""Who or what changes plans and stops."""

from enum import StrEnum


class Source(StrEnum):
    """Who or what changes something."""

    DISPATCHER = "dispatcher"
    DRIVER = "driver"
    FENCE = "fence"
    IMPORT = "import"
