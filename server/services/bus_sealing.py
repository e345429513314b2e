"""What server processes tell each other is sealed under the installation's data key: Redis learns nothing."""

from itembank.vault import Vault

_PURPOSE = "bus"


class BusSealer:
    """`site`: whose line it is; a message of another installation does not open."""

    def __init__(self, vault: Vault, site: str) -> None:
        self._vault = vault
        self._site = site

    def seal(self, data: bytes) -> bytes:
        """One message, sealed."""
        return self._vault.seal_value(_PURPOSE, self._site, data)

    def open(self, blob: bytes) -> bytes:
        """The inverse. Raises `SealBroken`."""
        return self._vault.open_value(_PURPOSE, self._site, blob)
