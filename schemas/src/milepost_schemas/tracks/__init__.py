"""Files of positions (GPX, CSV): from bytes to tracks, and from tracks and NMEA logs to fixes.

Pure: who opens a file gives its bytes, unpacked.
"""
