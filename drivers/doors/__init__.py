"""Owns the sale doors that are devices: what stands between a POS and its printer."""
