"""Asks a broker whether it serves: an MQTT CONNECT, answered or not."""

import socket

# MQTT 3.1.1, 3.1: protocol level 4, clean session, keep-alive 10 s, client id "milepost-probe".
_CLIENT_ID = b"milepost-probe"
_BODY = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(_CLIENT_ID).to_bytes(2, "big") + _CLIENT_ID
_CONNECT = bytes([0x10, len(_BODY)]) + _BODY
_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"  # 3.2: no session present, return code 0
_DISCONNECT = b"\xe0\x00"


def answers_connect(host: str, port: int, *, timeout_s: float) -> bool:
    """Return whether the broker accepts a CONNECT within `timeout_s`."""
    try:
        with socket.create_connection((host, port), timeout_s) as link:
            link.sendall(_CONNECT)
            answer = b""
            while len(answer) < len(_CONNACK_ACCEPTED):
                piece = link.recv(len(_CONNACK_ACCEPTED) - len(answer))
                if not piece:
                    return False
                answer += piece
            link.sendall(_DISCONNECT)
    except OSError:
        return False
    return answer == _CONNACK_ACCEPTED
