"""The reader of NMEA 0183: from a receiver's bytes to fixes, pure."""
