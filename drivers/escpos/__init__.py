"""Owns slip printers that speak ESC/POS: layout, encoding, transports, status and the proof that a slip is on paper."""
