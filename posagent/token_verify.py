"""Owns Ed25519 verification of signed member tokens; loads cryptography only when a public key is configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from posagent.errors import SettingsError


def verifier(public_keys: Sequence[str]) -> Callable[[bytes, bytes], bool]:
    """``verify(signed, signature)`` for `token_codes.judge`: true when one of the keys (64 hexadecimal digits each; several during a change
    of keys) made the signature. Raises SettingsError for a text that is no public key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    keys = []
    for number, text in enumerate(public_keys, 1):
        try:
            keys.append(Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)))
        except ValueError:
            raise SettingsError(f"token public key {number} must be 64 hexadecimal digits (32 bytes); the card issuer gives it out") from None

    def verify(signed: bytes, signature: bytes) -> bool:
        for key in keys:
            try:
                key.verify(signature, signed)
            except InvalidSignature:
                continue
            return True
        return False

    return verify
