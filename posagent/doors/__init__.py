"""Owns the reading of receipts and displays: how a POS that was not changed tells us its sales. PURE; devices are drivers."""
