"""A real HTTP server that says what Nominatim and Photon say, in their own JSON.

It stands in for services of others: tests may ask neither of them, and each would answer something
else next year. The forms are those of Nominatim's `/search?format=json` and of Photon's `/api`.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

# By address: (latitude, longitude, whether it is a house) of each candidate.
KNOWN: dict[str, list[tuple[float, float, bool]]] = {
    "Ringstrasse 1": [(48.01, 11.51, True)],
    "Ringstrasse 2": [(48.02, 11.52, False), (48.0201, 11.5201, True)],
    "Twin house 3": [(48.03, 11.53, True), (48.0301, 11.5301, True)],
    "Ringstrasse": [(48.04, 11.54, False)],
    "Bahnhofstrasse 1": [(48.05, 11.55, True), (52.05, 13.55, True)],
}


def nominatim(address: str) -> list[dict[str, Any]]:
    """Return what Nominatim says."""
    return [
        {
            "place_id": number,
            "lat": str(lat),
            "lon": str(lon),
            "class": "place" if is_house else "highway",
            "type": "house" if is_house else "residential",
            "place_rank": 30 if is_house else 26,
            "importance": 0.1,
            "addresstype": "place" if is_house else "road",
            "display_name": f"{address}, candidate {number}",
            "address": {"house_number": "1", "road": "R"} if is_house else {"road": "R"},
        }
        for number, (lat, lon, is_house) in enumerate(KNOWN.get(address, []), 1)
    ]


def photon(address: str) -> dict[str, Any]:
    """Return what Photon says."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
            "properties": {
                "osm_key": "building" if is_house else "highway",
                "type": "house" if is_house else "street",
                "name": address,
                "city": f"candidate {number}",
            },
        }
        for number, (lat, lon, is_house) in enumerate(KNOWN.get(address, []), 1)
    ]
    return {"type": "FeatureCollection", "features": features}


class Asked:
    """What the server was asked.

    Attributes:
        url: Where it is.
        addresses: In order.
        agents: What those who asked call themselves.
        status: What it answers with; other than 200 without a word.
    """

    def __init__(self) -> None:
        self.url = ""
        self.addresses: list[str] = []
        self.agents: set[str] = set()
        self.status = 200


@contextmanager
def geocoders() -> Iterator[Asked]:
    """Serve both until the end of the `with` block."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            (address,) = parse_qs(parts.query)["q"]
            asked.addresses.append(address)
            asked.agents.add(self.headers["User-Agent"])
            say = {"/osm/search": nominatim, "/api": photon}[parts.path]
            said = json.dumps(say(address)).encode() if asked.status == 200 else b""
            self.send_response(asked.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked.url = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield asked
        finally:
            server.shutdown()
            serving.join()
