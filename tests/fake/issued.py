"""Opaque values that the fake hands out, and recognises when they come back: signatures, encrypted reasoning."""

import base64
import binascii
import hashlib


def issue(kind: str, text: str) -> str:
    """Make the proof that the fake said something: `kind` of proof, for exactly this text."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return base64.b64encode(f"fake:{kind}:{digest}".encode()).decode()


def is_issued(kind: str, text: str, proof: str) -> bool:
    """Whether a proof is the fake's own, and for this text."""
    return proof == issue(kind, text)


def looks_issued(kind: str, proof: str) -> bool:
    """Whether a proof is the fake's own, for whatever text."""
    try:
        return base64.b64decode(proof, validate=True).startswith(f"fake:{kind}:".encode())
    except (binascii.Error, ValueError):
        return False
