"""Addresses of the network, as options give them."""

from milepost_firmware_sim.ports.port import PortError


def parse_address(text: str, option: str = "--tcp") -> tuple[str, int]:
    """Read `host:port` (`[::1]:4001` for IPv6; port 0 is any free one).

    Args:
        text: As it was typed.
        option: Where; begins the message of an error.

    Raises:
        PortError: It is something else.
    """
    host, colon, digits = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not digits.isdecimal() or int(digits) > 65_535:
        raise PortError(f"{option} {text}: not HOST:PORT with a port of 0 to 65535")
    return host, int(digits)
