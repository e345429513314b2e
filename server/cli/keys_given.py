"""Public keys of a site as people give them to commands that verify."""

import base64
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from server.cli.words import _


def read_site_key(given: str) -> bytes:
    """A raw Ed25519 public key out of a PEM file, hex digits or base64."""
    path = Path(given)
    try:
        if len(given) < 200 and path.is_file():
            raw = load_pem_public_key(path.read_bytes()).public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            raw = bytes.fromhex(given) if len(given) == 64 else base64.b64decode(given, validate=True)
    except ValueError as fault:
        raise click.BadParameter(_("不是 Ed25519 公钥"), param_hint="--site-key") from fault
    if len(raw) != 32:
        raise click.BadParameter(_("不是 Ed25519 公钥"), param_hint="--site-key")
    return raw
