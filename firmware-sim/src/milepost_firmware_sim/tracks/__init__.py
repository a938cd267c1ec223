"""Files of positions (GPX, CSV), and NMEA logs read as such: from bytes to tracks."""
