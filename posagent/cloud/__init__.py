"""Owns the reference receiver: what registers send is kept, counted once and shown; rules and member snapshots go back."""
