"""Owns the devices of a counter in software, behind the same ports and bytes as real ones: for the demo, the tests and the lab."""
