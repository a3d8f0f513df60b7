"""Owns the scanner drivers: pure codecs (pieces, content, keys, reports, packets) and, next to them, the blocking transports."""
