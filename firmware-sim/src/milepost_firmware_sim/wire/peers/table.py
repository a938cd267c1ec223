"""The formats that stand beside ours, in the order in which they are shown."""

from collections.abc import Callable
from dataclasses import dataclass

from milepost_firmware_sim.wire.peers import (
    msgpacked,
    owntracks,
    protobuf,
    queclink,
    senml,
    teltonika,
)
from milepost_schemas.batch import Batch


@dataclass(frozen=True, slots=True)
class Peer:
    """A format.

    Attributes:
        key: Its name in JSON.
        name: Its name for people.
        messages: Writes a batch as messages of this format.
    """

    key: str
    name: str
    messages: Callable[[Batch], list[bytes]]


PEERS = (
    Peer("owntracks_json", "OwnTracks JSON", owntracks.messages),
    Peer("senml_cbor", "SenML-CBOR", senml.pack),
    Peer("msgpack_map", "msgpack map", msgpacked.maps),
    Peer("teltonika_codec8", "Codec 8", teltonika.packets),
    Peer("msgpack_array", "msgpack array", msgpacked.arrays),
    Peer("protobuf_columns", "protobuf columns", protobuf.columns),
    Peer("msgpack_delta_columns", "msgpack columns", msgpacked.delta_columns),
    Peer("queclink_compressed", "Queclink", queclink.frames),
)
ENTROPY_KEY, ENTROPY_NAME = "entropy_bound", "entropy bound"
