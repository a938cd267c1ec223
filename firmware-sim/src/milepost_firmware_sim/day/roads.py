"""A town ready to be driven in: its addresses, ways, and crossings, worked out once."""

from dataclasses import dataclass

from milepost_firmware_sim.town.addresses import AddressBook
from milepost_firmware_sim.town.router import Router
from milepost_firmware_sim.town.town import Town
from milepost_firmware_sim.town.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Roads:
    """What all vans of a town share."""

    town: Town
    book: AddressBook
    router: Router
    traffic: Traffic


def roads_of(town: Town) -> Roads:
    """Make a town ready."""
    return Roads(town, AddressBook(town), Router(town), Traffic(town))
